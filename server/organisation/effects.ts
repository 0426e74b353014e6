/** What a change of the settings would do, counted, in the order in which the page shows it: before anything is saved. */
import { settings, type Settings } from '../settings/settings.ts'
import {
  countDraftsWithMoreFiles,
  countErasedBetween,
  countMessagesBefore,
  countSignedIn,
  countUnsentLargerThan,
  countWaitingNotices,
} from './effect.store.ts'
import type { SectionValues } from './settings.form.ts'

export interface Effect {
  key: string
  count: number
  /** Whether the change takes something away from somebody. */
  heavy: boolean
}

const A_DAY = 24 * 60 * 60 * 1000
const MEGABYTE = 1024 * 1024

export async function effectsOf(values: SectionValues, now = new Date()): Promise<Effect[]> {
  const before = settings()
  const after: Settings = { ...before, ...values }
  const effects = await Promise.all([
    ofSessions(before, after, now),
    ofFiles(before, after),
    ofKeeping(before, after, now),
    ofNotices(before, after),
  ])
  return effects.flat()
}

async function ofSessions(before: Settings, after: Settings, now: Date): Promise<Effect[]> {
  if (before.idleMinutes === after.idleMinutes && before.sessionHours === after.sessionHours) return []
  const { people, atOnce } = await countSignedIn(before, after, now)
  if (after.idleMinutes < before.idleMinutes || after.sessionHours < before.sessionHours)
    return [
      { key: 'signedOutSooner', count: people, heavy: people > 0 },
      { key: 'signedOutAtOnce', count: atOnce, heavy: atOnce > 0 },
    ]
  return [{ key: 'signedOutLater', count: people, heavy: false }]
}

async function ofFiles(before: Settings, after: Settings): Promise<Effect[]> {
  const effects: Effect[] = []
  if (after.fileMegabytes < before.fileMegabytes) {
    const count = await countUnsentLargerThan(after.fileMegabytes * MEGABYTE)
    effects.push({ key: 'filesTooLarge', count, heavy: count > 0 })
  }
  if (after.filesPerMessage < before.filesPerMessage) {
    const count = await countDraftsWithMoreFiles(after.filesPerMessage)
    effects.push({ key: 'draftsTooMany', count, heavy: count > 0 })
  }
  return effects
}

async function ofKeeping(before: Settings, after: Settings, now: Date): Promise<Effect[]> {
  const ago = (days: number) => new Date(now.getTime() - days * A_DAY)
  const effects: Effect[] = []
  if (after.keepMostDays !== before.keepMostDays) {
    const count = await countMessagesBefore(ago(after.keepMostDays))
    effects.push({ key: 'olderThanMost', count, heavy: count > 0 })
  }
  if (after.keepLeastDays !== before.keepLeastDays) {
    const [younger, all] = await Promise.all([countMessagesBefore(ago(after.keepLeastDays)), countMessagesBefore(now)])
    effects.push({ key: 'youngerThanLeast', count: all - younger, heavy: false })
  }
  if (after.backupKeptDays !== before.backupKeptDays)
    effects.push({
      key: 'certificates',
      count: await countErasedBetween(ago(after.backupKeptDays), ago(before.backupKeptDays)),
      heavy: false,
    })
  return effects
}

async function ofNotices(before: Settings, after: Settings): Promise<Effect[]> {
  const same = (['name', 'phone', 'hours', 'noticeSubject', 'noticeFirst'] as const).every(
    (name) => before[name] === after[name],
  )
  return same ? [] : [{ key: 'waitingNotices', count: await countWaitingNotices(), heavy: false }]
}
