import type { Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'

export type OpenerKind = 'password' | 'passkey' | 'recovery-code' | 'member' | 'recovery' | 'waiting'

/** One way to a mailbox's private half: an envelope, and whose or which secret opens it. */
export interface Opener {
  id: string
  mailboxId: string
  mailboxVersion: number
  kind: OpenerKind
  accountId: string | null
  codeDigest: Buffer | null
  /** Goes with the passkey that it belongs to. */
  passkeyId: string | null
  envelope: Buffer
  createdAt: Date
}

const openers = table<Opener>('openers', {
  id: 'uuid key',
  mailboxId: 'uuid',
  mailboxVersion: 'integer',
  kind: 'text',
  accountId: 'uuid',
  codeDigest: 'bytea',
  passkeyId: 'uuid',
  envelope: 'bytea',
  createdAt: 'timestamptz',
})

export function insertOpeners(rows: readonly Opener[], transaction: Transaction): Promise<void> {
  return openers.insertAll(rows, transaction)
}

export function findOpener(
  where: Partial<Pick<Opener, 'mailboxId' | 'kind' | 'accountId' | 'codeDigest' | 'passkeyId'>>,
  transaction?: Transaction,
): Promise<Opener | undefined> {
  return openers.find(where, transaction)
}

/** @returns how many were there: a recovery code is used by removing its opener, so that of fifty requests one wins */
export function removeOpeners(
  where: Partial<Pick<Opener, 'id' | 'mailboxId' | 'kind'>>,
  transaction: Transaction,
): Promise<number> {
  return openers.remove(where, transaction)
}
