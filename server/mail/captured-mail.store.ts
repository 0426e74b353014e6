/** The try-out's outbox: mails that were captured instead of sent, sealed at rest. */
import type { Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'
import { newId } from '../lib/ids.ts'
import { sealCapturedMail, unsealCapturedMail } from '../vault/vault.ts'

interface CapturedMailRow {
  id: string
  capturedAt: Date
  mailSealed: Buffer
}

export interface CapturedMail {
  id: string
  to: string
  subject: string
  text: string
  html: string
  headers: Record<string, string>
  at: Date
}

const capturedMails = table<CapturedMailRow>('captured_mails', {
  id: 'uuid key',
  capturedAt: 'timestamptz',
  mailSealed: 'bytea',
})

/** Keeps a mail with its raw form, from which the headers are read. */
export async function captureMail(
  mail: { to: string; subject: string; text: string; html: string; raw: string },
  now: Date,
  transaction?: Transaction,
): Promise<void> {
  const id = newId(now)
  const { raw, ...rest } = mail
  const kept = { ...rest, headers: headersOf(raw) }
  const mailSealed = sealCapturedMail(id, JSON.stringify(kept))
  await capturedMails.insert({ id, capturedAt: now, mailSealed }, transaction)
}

/** Newest first. */
export async function listCapturedMails(): Promise<CapturedMail[]> {
  const rows = await capturedMails.list({})
  return rows.sort((a, b) => (a.id < b.id ? 1 : -1)).map(toMail)
}

export async function findCapturedMail(id: string): Promise<CapturedMail | undefined> {
  const row = await capturedMails.find({ id })
  return row && toMail(row)
}

function toMail(row: CapturedMailRow): CapturedMail {
  return {
    id: row.id,
    at: row.capturedAt,
    ...(JSON.parse(unsealCapturedMail(row.id, row.mailSealed)) as Omit<CapturedMail, 'id' | 'at'>),
  }
}

function headersOf(raw: string): Record<string, string> {
  const head = raw.slice(0, raw.search(/\r?\n\r?\n/)).replace(/\r?\n[ \t]+/g, ' ')
  return Object.fromEntries(
    head
      .split(/\r?\n/)
      .map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  )
}
