import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'

export const SETUP_STEPS = ['organisation', 'mail', 'colours', 'limits'] as const
export type SetupStep = (typeof SETUP_STEPS)[number]

interface StepRow {
  step: string
  doneBy: string | null
  doneAt: Date
}

interface MailRow {
  accountId: string
  codeDigest: Buffer
  sentAt: Date
  tries: number
}

const steps = table<StepRow>('setup_steps', { step: 'text key', doneBy: 'uuid', doneAt: 'timestamptz' })
const mails = table<MailRow>('setup_mails', {
  accountId: 'uuid key',
  codeDigest: 'bytea',
  sentAt: 'timestamptz',
  tries: 'integer',
})

export async function listDoneSteps(transaction?: Transaction): Promise<Set<string>> {
  return new Set((await steps.list({}, transaction)).map(({ step }) => step))
}

/** Once. @returns whether it was this call */
export async function noteStep(
  step: SetupStep | 'finished',
  by: string,
  now: Date,
  transaction: Transaction,
): Promise<boolean> {
  const rows = await ask(
    'INSERT INTO setup_steps VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING step',
    [step, by, now],
    transaction,
  )
  return rows.length === 1
}

/** The code of the newest test mail takes the place of the one before. */
export async function keepMailCode(
  accountId: string,
  codeDigest: Buffer,
  now: Date,
  transaction: Transaction,
): Promise<void> {
  await mails.remove({ accountId }, transaction)
  await mails.insert({ accountId, codeDigest, sentAt: now, tries: 0 }, transaction)
}

export function findMailCode(accountId: string): Promise<MailRow | undefined> {
  return mails.find({ accountId })
}

/** Counts a try at the newest code. @returns what it is, and how often it was tried before */
export async function tryMailCode(accountId: string, transaction: Transaction): Promise<MailRow | undefined> {
  const [row] = await ask<MailRow>(
    'UPDATE setup_mails SET tries = tries + 1 WHERE account_id = $1 RETURNING *',
    [accountId],
    transaction,
  )
  return row
}

export async function forgetMailCode(accountId: string, transaction: Transaction): Promise<void> {
  await mails.remove({ accountId }, transaction)
}

/** Whether a copy of the master key was ever made. */
export async function wasMasterKeyExported(): Promise<boolean> {
  const rows = await ask(
    `SELECT 1 AS found FROM access_events WHERE act = 'master-key.exported' AND outcome = 'done' LIMIT 1`,
  )
  return rows.length === 1
}
