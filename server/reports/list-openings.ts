/** Who opened somebody's messages, for that person: read from the access log, which notes that they looked. */
import { listAccounts, type Account } from '../accounts/account.store.ts'
import { listMemberships } from '../accounts/team.store.ts'
import { listOpeningEvents, type OpeningEvent } from '../audit/access-event.store.ts'
import { record } from '../audit/record.ts'
import { listLettersOf, type Letter } from '../messages/message.store.ts'
import type { Reader } from '../sign-in/reader.ts'

export interface Opening extends OpeningEvent {
  letter: Letter
  actor: Account | undefined
  /** The teams of whoever opened it. */
  teams: string[]
}

export const OPENINGS_PAGE = 50

/**
 * Newest first, one more than a page. For a patient: of every message in their threads. For staff: of what they wrote themselves; what their
 * team reads is the auditor's to look at. @throws Unavailable when it cannot be recorded that they looked
 */
export async function readOpenings(reader: Reader, before: { at: Date; id: string } | undefined): Promise<Opening[]> {
  const { account, actor, own } = reader
  await record(actor, { act: 'openings.read', subject: { kind: 'account', id: account.id } })
  const letters = await listLettersOf(account.role === 'patient' ? { mailboxId: own.id } : { authorId: account.id })
  const letterOf = new Map(
    letters.flatMap((letter) => [letter.id, ...letter.fileIds].map((id) => [id, letter] as const)),
  )
  const events = await listOpeningEvents([...letterOf.keys()], before, OPENINGS_PAGE + 1)
  const ids = [...new Set(events.map(({ actorId }) => actorId))]
  const [people, memberships] = await Promise.all([listAccounts(ids), listMemberships(ids)])
  const personOf = new Map(people.map((person) => [person.id, person]))
  return events.map((event) => ({
    ...event,
    letter: letterOf.get(event.subjectId)!,
    actor: personOf.get(event.actorId),
    teams: memberships.filter(({ accountId }) => accountId === event.actorId).map(({ team }) => team.name),
  }))
}
