/** What left the organisation about a patient, as somebody here wrote it down. Rows are added, and those written down in error are marked. */
import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'
import { sealField, unsealField } from '../vault/vault.ts'
import type { Place } from './exported-event.store.ts'

/** Why somebody outside may be told without the patient’s authorization (45 CFR 164.512), or was told by mistake. */
export const PURPOSES = [
  'required-by-law',
  'public-health',
  'abuse',
  'oversight',
  'court',
  'police',
  'death',
  'donation',
  'research',
  'threat',
  'government',
  'workers-compensation',
  'by-mistake',
  'other',
] as const
export type Purpose = (typeof PURPOSES)[number]

export interface Disclosure {
  id: string
  accountId: string
  disclosedAt: Date
  purpose: Purpose
  /** Who received it, with their address where it is known. */
  recipient: string
  what: string
  why: string
  recordedBy: string
  recordedAt: Date
  withdrawnBy: string | null
  withdrawnAt: Date | null
}

type Sealed = 'recipient' | 'what' | 'why'
type DisclosureRow = Omit<Disclosure, Sealed> & { recipientSealed: Buffer; whatSealed: Buffer; whySealed: Buffer }

const disclosures = table<DisclosureRow>('disclosures', {
  id: 'uuid key',
  accountId: 'uuid',
  disclosedAt: 'timestamptz',
  purpose: 'text',
  recipientSealed: 'bytea',
  whatSealed: 'bytea',
  whySealed: 'bytea',
  recordedBy: 'uuid',
  recordedAt: 'timestamptz',
  withdrawnBy: 'uuid',
  withdrawnAt: 'timestamptz',
})

export function insertDisclosure(
  disclosure: Omit<Disclosure, 'withdrawnBy' | 'withdrawnAt'>,
  transaction: Transaction,
): Promise<void> {
  const { recipient, what, why, ...plain } = disclosure
  const sealed = (name: Sealed, text: string) => sealField(`disclosure/${plain.id}/${name}`, text)
  return disclosures.insert(
    {
      ...plain,
      recipientSealed: sealed('recipient', recipient),
      whatSealed: sealed('what', what),
      whySealed: sealed('why', why),
      withdrawnBy: null,
      withdrawnAt: null,
    },
    transaction,
  )
}

/** Marks it as written down in error, once. @returns whether this call was the one that did it */
export async function withdrawDisclosure(id: string, by: string, now: Date, transaction: Transaction) {
  const rows = await ask(
    'UPDATE disclosures SET withdrawn_by = $2, withdrawn_at = $3 WHERE id = $1 AND withdrawn_at IS NULL RETURNING id',
    [id, by, now],
    transaction,
  )
  return rows.length === 1
}

export async function findDisclosure(id: string): Promise<Disclosure | undefined> {
  const row = await disclosures.find({ id })
  return row && toDisclosure(row)
}

/** A patient's that count, from then until before then, oldest first, behind `after`. */
export async function listDisclosures(
  accountId: string,
  { from, to }: { from: Date; to: Date },
  after: Place | undefined,
  limit: number,
): Promise<Disclosure[]> {
  const rows = await ask<DisclosureRow>(
    `SELECT * FROM disclosures WHERE account_id = $1 AND disclosed_at >= $2 AND disclosed_at < $3 AND withdrawn_at IS NULL
       AND (disclosed_at, id) > ($4, $5::uuid) ORDER BY disclosed_at, id LIMIT $6`,
    [accountId, from, to, after?.at ?? new Date(0), after?.id ?? '00000000-0000-0000-0000-000000000000', limit],
  )
  return rows.map(toDisclosure)
}

function toDisclosure(row: DisclosureRow): Disclosure {
  const { recipientSealed, whatSealed, whySealed, ...plain } = row
  const open = (name: Sealed, sealed: Buffer) => unsealField(`disclosure/${row.id}/${name}`, sealed)
  return {
    ...plain,
    recipient: open('recipient', recipientSealed),
    what: open('what', whatSealed),
    why: open('why', whySealed),
  }
}
