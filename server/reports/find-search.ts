/** From what somebody typed into the log's form to a filter that names nobody. */
import { findAccountByEmail } from '../accounts/account.store.ts'
import { readEmailAddress } from '../accounts/email-address.ts'
import { addressDigest } from '../audit/address-digest.ts'
import { record } from '../audit/record.ts'
import type { FormError } from '../lib/form.ts'
import type { Reader } from '../sign-in/reader.ts'
import { filterFromQuery, type EventFilter } from './event-filter.ts'

export interface Search {
  who: string
  what: string
  patient: string
  outcome: string
  network: string
  period: string
  from: string
  to: string
}

/** That somebody asked for an address which nobody has is recorded before it is said. @throws BadInput for what the form cannot send */
export async function findSearch(
  reader: Reader,
  { who, patient, network, ...rest }: Search,
): Promise<{ filter: EventFilter; errors: [] } | { errors: FormError[] }> {
  const [actor, person] = await Promise.all([accountOf(who), accountOf(patient)])
  const unknown = [...(who.trim() && !actor ? ['who'] : []), ...(patient.trim() && !person ? ['patient'] : [])]
  if (unknown.length > 0) {
    await record(reader.actor, { act: 'access-events.read', outcome: 'failed', reason: 'unknown' })
    return { errors: unknown.map((field) => ({ field, key: 'reports:accessEvents.whoUnknown' })) }
  }
  const digest = addressDigest({ address: network.trim() })
  const found = { who: actor?.id ?? '', patient: person?.id ?? '', network: digest?.toString('base64url') ?? '' }
  return { filter: filterFromQuery({ ...rest, ...found }), errors: [] }
}

async function accountOf(text: string) {
  const address = readEmailAddress(text)
  return address ? findAccountByEmail(address) : undefined
}
