/**
 * How many sign-ins from devices that are not known may be under way at once: two at the password's work and twenty behind them. Counted from
 * before anything is asked of the database until the password was checked; those who stood in the queue alone would let hundreds through on
 * their way to it.
 */
import { SlowDown } from '../errors.ts'
import { turns } from '../lib/turns.ts'

const MOST = 22
let underWay = 0

/** Costs nothing. */
export function hasRoomForStranger(): boolean {
  return underWay < MOST
}

/** @throws SlowDown when as many are under way as may */
export async function asStranger<T>(signIn: () => Promise<T>): Promise<T> {
  if (!hasRoomForStranger()) throw new SlowDown(new Date(Date.now() + 5_000))
  underWay++
  try {
    return await signIn()
  } finally {
    underWay--
  }
}

/** Two of them ask the database at once: when a flood begins all come in the same moment, and pages should not stand behind twenty. */
export const askInTurn = turns(2)
