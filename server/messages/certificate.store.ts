/** Certificates of destruction, and the backups that they have to name. */
import type { ErasedWhy } from '../audit/ledger.ts'
import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'
import { sealField, unsealField } from '../vault/vault.ts'

export interface Certificate {
  messageId: string
  why: ErasedWhy
  sentAt: Date
  erasedAt: Date
  fileCount: number
  /** Of an administrator, why. */
  reason: string
  erasedBy: string | null
  /** The certificate itself: a signed note. */
  note: string
}

interface CertificateRow extends Omit<Certificate, 'reason'> {
  reasonSealed: Buffer | null
}

const certificates = table<CertificateRow>('destruction_certificates', {
  messageId: 'uuid key',
  why: 'text',
  sentAt: 'timestamptz',
  erasedAt: 'timestamptz',
  fileCount: 'integer',
  reasonSealed: 'bytea',
  erasedBy: 'uuid',
  note: 'text',
})

/** Once: when what was destroyed before only came back, the certificate of then stands. */
export async function insertCertificate(certificate: Certificate, transaction: Transaction): Promise<void> {
  const { reason, ...plain } = certificate
  if ((await certificates.find({ messageId: plain.messageId }, transaction)) !== undefined) return
  const reasonSealed = reason ? sealField(`certificate/${certificate.messageId}/reason`, reason) : null
  await certificates.insert({ ...plain, reasonSealed }, transaction)
}

/** Every destruction that this database certifies. */
export function listDestroyed(): Promise<Pick<Certificate, 'messageId' | 'why' | 'erasedAt'>[]> {
  return ask('SELECT message_id, why, erased_at FROM destruction_certificates')
}

export async function findCertificate(messageId: string): Promise<Certificate | undefined> {
  const row = await certificates.find({ messageId })
  return row && toCertificate(row)
}

/** Which of these messages have one. */
export async function whichAreCertified(messageIds: readonly string[]): Promise<Set<string>> {
  const rows = await ask<{ messageId: string }>(
    'SELECT message_id FROM destruction_certificates WHERE message_id = ANY($1::uuid[])',
    [messageIds],
  )
  return new Set(rows.map(({ messageId }) => messageId))
}

/** The newest first, those on the older side of `before`. */
export async function listCertificates(
  before: { at: Date; id: string } | undefined,
  limit: number,
): Promise<Certificate[]> {
  const rows = await ask<CertificateRow>(
    `SELECT * FROM destruction_certificates WHERE $1::timestamptz IS NULL OR (erased_at, message_id) < ($1, $2::uuid)
     ORDER BY erased_at DESC, message_id DESC LIMIT $3`,
    [before?.at ?? null, before?.id ?? null, limit],
  )
  return rows.map(toCertificate)
}

export interface KeptBackup {
  id: string
  madeAt: Date
  /** Null: whoever made it named no end. */
  keptUntil: Date | null
}

/** Backups that may have a message in them, and may be kept still. The moment that one holds is a little after it was begun. */
export function listBackupsSince(sentAt: Date, now: Date, transaction: Transaction): Promise<KeptBackup[]> {
  return ask<KeptBackup>(
    `SELECT id, made_at, kept_until FROM backups
     WHERE made_at > $1::timestamptz - interval '1 hour' AND (kept_until IS NULL OR kept_until > $2) ORDER BY made_at, id`,
    [sentAt, now],
    transaction,
  )
}

function toCertificate({ reasonSealed, ...row }: CertificateRow): Certificate {
  return { ...row, reason: reasonSealed ? unsealField(`certificate/${row.messageId}/reason`, reasonSealed) : '' }
}
