/**
 * Every column of the database whose bytes are sealed under the master key itself. Whoever seals something new under it adds a line here and a trigger
 * like those of 0022-master-key.sql; a test holds the list against the files that seal under it.
 */
import { bindingOf as openerBinding } from '../accounts/mailbox-key.ts'
import { checkBinding } from '../attachments/check-file.job.ts'
import { bindingOf as threadKeyBinding } from '../messages/thread-key.ts'
import { resealUnderMaster } from '../vault/master-key.ts'
import { rewrapUnderMaster } from '../vault/wrap.ts'

export interface ColumnUnderMaster {
  table: string
  column: string
  /** The columns that name one row, with their types, in the order in which rows are gone through. */
  key: Record<string, 'uuid' | 'text' | 'integer'>
  /** What else of a row its binding needs. */
  also?: readonly string[]
  /** Which rows are meant, in SQL. */
  rows?: string
  /** @throws EnvelopeRefused, MasterKeyProblem */
  reseal(row: Record<string, unknown>, sealed: Buffer, version: number): Buffer
}

/** The deployment's own keys come first: the version that they are under is the one that everything new is sealed under. */
export const VAULT_KEYS: ColumnUnderMaster = {
  table: 'vault_keys',
  column: 'key_wrapped',
  key: { name: 'text' },
  reseal: (row, sealed, version) => resealUnderMaster('keys', `key/${row['name'] as string}`, sealed, version),
}

export const COLUMNS_UNDER_MASTER: readonly ColumnUnderMaster[] = [
  VAULT_KEYS,
  {
    table: 'openers',
    column: 'envelope',
    key: { id: 'uuid' },
    also: ['mailbox_id', 'mailbox_version'],
    rows: `kind = 'waiting'`,
    reseal(row, sealed, version) {
      const mailbox = { id: row['mailbox_id'] as string, version: row['mailbox_version'] as number }
      return resealUnderMaster('waiting', openerBinding(mailbox, 'waiting'), sealed, version)
    },
  },
  {
    table: 'thread_key_wraps',
    column: 'wrap',
    key: { thread_key_id: 'uuid', mailbox_id: 'uuid', mailbox_version: 'integer' },
    also: ['kind'],
    reseal(row, sealed, version) {
      const wrap = {
        threadKeyId: row['thread_key_id'] as string,
        mailboxId: row['mailbox_id'] as string,
        mailboxVersion: row['mailbox_version'] as number,
        kind: row['kind'] as 'public' | 'private',
      }
      return rewrapUnderMaster(threadKeyBinding(wrap), sealed, version)
    },
  },
  {
    table: 'attachments',
    column: 'check_key_sealed',
    key: { id: 'uuid' },
    rows: 'check_key_sealed IS NOT NULL',
    reseal: (row, sealed, version) => resealUnderMaster('checking', checkBinding(row['id'] as string), sealed, version),
  },
]
