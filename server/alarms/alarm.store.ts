import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'
import { newId } from '../lib/ids.ts'
import { lookupDigest, sealField, unsealField } from '../vault/vault.ts'
import type { Rule } from './alarm.ts'

interface AlarmRow {
  id: string
  rule: string
  whom: Buffer
  accountId: string | null
  aboutSealed: Buffer | null
  count: number
  threshold: number
  raisedAt: Date
  seenAt: Date
  takenBy: string | null
  takenAt: Date | null
  closedBy: string | null
  closedAt: Date | null
}

export interface Alarm extends Omit<AlarmRow, 'rule' | 'whom' | 'aboutSealed'> {
  rule: Rule
  /** A network address, or the name of a job; empty when it is about an account or the log. */
  about: string
}

/** Whom an alarm is about. */
export interface Whom {
  digest: Buffer
  accountId: string | null
  aboutSealed: Buffer | null
}

export interface AlarmNote {
  id: string
  alarmId: string
  accountId: string
  kind: 'taken' | 'note' | 'closed'
  text: string
  at: Date
}

type NoteRow = Omit<AlarmNote, 'text'> & { textSealed: Buffer | null }

const alarms = table<AlarmRow>('alarms', {
  id: 'uuid key',
  rule: 'text',
  whom: 'bytea',
  accountId: 'uuid',
  aboutSealed: 'bytea',
  count: 'integer',
  threshold: 'integer',
  raisedAt: 'timestamptz',
  seenAt: 'timestamptz',
  takenBy: 'uuid',
  takenAt: 'timestamptz',
  closedBy: 'uuid',
  closedAt: 'timestamptz',
})

const notes = table<NoteRow>('alarm_notes', {
  id: 'uuid key',
  alarmId: 'uuid',
  accountId: 'uuid',
  kind: 'text',
  textSealed: 'bytea',
  at: 'timestamptz',
})

export function whomOfAccount(accountId: string): Whom {
  return { digest: lookupDigest('alarm', `account ${accountId}`), accountId, aboutSealed: null }
}

/** @param about a network address or the name of a job */
export function whomOfText(about: string): Whom {
  const digest = lookupDigest('alarm', `text ${about}`)
  return { digest, accountId: null, aboutSealed: sealField(bindingOf(digest), about) }
}

/** The one open alarm of this rule about them: a new one, or the one that there is with the newest count. @returns its id, and whether it is new */
export async function insertOrSee(
  alarm: { rule: Rule; whom: Whom; count: number; threshold: number },
  now: Date,
  transaction: Transaction,
): Promise<{ id: string; isNew: boolean }> {
  const { rule, whom, count, threshold } = alarm
  const id = newId(now)
  const [row] = await ask<{ id: string }>(
    `INSERT INTO alarms (id, rule, whom, account_id, about_sealed, count, threshold, raised_at, seen_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
     ON CONFLICT (rule, whom) WHERE closed_at IS NULL DO UPDATE SET count = greatest(alarms.count, excluded.count), seen_at = excluded.seen_at
     RETURNING id`,
    [id, rule, whom.digest, whom.accountId, whom.aboutSealed, count, threshold, now],
    transaction,
  )
  return { id: row!.id, isNew: row!.id === id }
}

export async function findAlarm(id: string, transaction?: Transaction): Promise<Alarm | undefined> {
  const row = await alarms.find({ id }, transaction)
  return row && toAlarm(row)
}

/** Open ones first, then closed ones; newest first. */
export async function listAlarms(limit: number): Promise<Alarm[]> {
  const rows = await ask<AlarmRow>(
    'SELECT * FROM alarms ORDER BY closed_at IS NOT NULL, raised_at DESC, id DESC LIMIT $1',
    [limit],
  )
  return rows.map(toAlarm)
}

export async function countOpenAlarms(): Promise<number> {
  const [row] = await ask<{ count: number }>('SELECT count(*)::int AS count FROM alarms WHERE closed_at IS NULL')
  return row!.count
}

/** Once. @returns whether it was open and nobody's */
export async function noteTaken(id: string, by: string, now: Date, transaction: Transaction): Promise<boolean> {
  return (await alarms.update({ takenBy: by, takenAt: now }, { id, takenBy: null, closedAt: null }, transaction)) === 1
}

/** Once. @returns whether it was open */
export async function noteClosed(id: string, by: string, now: Date, transaction: Transaction): Promise<boolean> {
  return (await alarms.update({ closedBy: by, closedAt: now }, { id, closedAt: null }, transaction)) === 1
}

export async function insertAlarmNote(note: AlarmNote, transaction: Transaction): Promise<void> {
  const { text, ...row } = note
  await notes.insert({ ...row, textSealed: text ? sealField(`alarm-note/${note.id}`, text) : null }, transaction)
}

/** Oldest first. @throws EnvelopeRefused */
export async function listAlarmNotes(alarmId: string): Promise<AlarmNote[]> {
  const rows = await notes.list({ alarmId })
  return rows
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ textSealed, ...row }) => ({
      ...row,
      text: textSealed ? unsealField(`alarm-note/${row.id}`, textSealed) : '',
    }))
}

function toAlarm({ rule, whom, aboutSealed, ...row }: AlarmRow): Alarm {
  return { ...row, rule: rule as Rule, about: aboutSealed ? unsealField(bindingOf(whom), aboutSealed) : '' }
}

/** What is sealed is about nobody else. */
function bindingOf(digest: Buffer): string {
  return `alarm/${digest.toString('hex')}`
}
