import { removeOldPeopleLists } from './people-list.store.ts'

/** A list that nobody used within an hour is brought again. */
export function sweepPeopleLists(now = new Date()): Promise<void> {
  return removeOldPeopleLists(now)
}
