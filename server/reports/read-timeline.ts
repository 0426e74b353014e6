/** What happened to somebody's account, messages and files, and who opened them. Looking at it is an access event about that patient. */
import { findAccount, findAccountByEmail, listAccounts, type Account } from '../accounts/account.store.ts'
import { readEmailAddress } from '../accounts/email-address.ts'
import { record } from '../audit/record.ts'
import { countByActor, searchLog, type ActorCount } from '../audit/search-log.store.ts'
import { NotFound } from '../errors.ts'
import { listIdsAbout } from '../messages/about-person.store.ts'
import type { Reader } from '../sign-in/reader.ts'
import { actsOf, rangeOf, type Period } from './event-filter.ts'
import { withPeople, type ReadEvent } from './list-access-events.ts'

export interface Timeline {
  patient: Account
  /** Newest first, one more than are shown. */
  events: ReadEvent[]
  /** Who opened how often; the most first. */
  openers: (ActorCount & { person: Account | undefined })[]
}

export const TIMELINE = 300

/** @returns the patient of this address, if there is one; that it was asked for is recorded */
export async function findPatientByEmail(reader: Reader, text: string): Promise<Account | undefined> {
  const account = await findAccountByEmail(readEmailAddress(text)!)
  const patient = account?.role === 'patient' ? account : undefined
  if (!patient) await record(reader.actor, { act: 'timeline.read', outcome: 'failed', reason: 'unknown' })
  return patient
}

/** @throws NotFound when it is nobody, or no patient @throws Unavailable when it cannot be recorded that they looked */
export async function readTimeline(
  reader: Reader,
  accountId: string,
  period: Period,
  now = new Date(),
): Promise<Timeline> {
  const account = await findAccount(accountId)
  const isPatient = account?.role === 'patient'
  const subject = { kind: 'account', id: accountId } as const
  await record(
    reader.actor,
    { act: 'timeline.read', subject, ...(isPatient ? {} : { outcome: 'failed' as const, reason: 'unknown' as const }) },
    undefined,
    now,
  )
  if (!isPatient) throw new NotFound('no such patient')
  const question = { subjectIds: await listIdsAbout(accountId), ...rangeOf({ period }, now) }
  const [events, openers] = await Promise.all([
    searchLog(question, undefined, TIMELINE + 1),
    countByActor({ ...question, acts: actsOf('openings'), outcome: 'done' }),
  ])
  const [shown, people] = await Promise.all([
    withPeople(events!),
    listAccounts(openers.flatMap(({ actorId }) => actorId ?? [])),
  ])
  const personOf = new Map(people.map((person) => [person.id, person]))
  return {
    patient: account,
    events: shown,
    openers: openers.map((opener) => ({ ...opener, person: personOf.get(opener.actorId ?? '') })),
  }
}
