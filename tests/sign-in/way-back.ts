/** Ways back in, through the pages: a patient with a message and codes, a link for a new password, a new password by it. */
import { codeOf, type Person } from '../support/cast.ts'
import { outbox } from '../support/letters.ts'
import type { TestServer } from '../support/server.ts'
import { letCodesCountAgain, Visitor, type Answer } from '../support/visitor.ts'
import { enrol, writeTo } from '../enrolment/newcomer.ts'
import { until } from '../support/until.ts'

export interface Patient {
  person: Person
  visitor: Visitor
  codes: string[]
  /** A message to them that they have not opened, and what it says. */
  message: string
  body: string
}

/** Somebody new who has just made their sign-in. */
export async function newPatient(server: TestServer, provider: Visitor, name: string): Promise<Patient> {
  const email = `${name}@mail.example`
  const body = `Canary of ${name}, as it was written`
  const { message, link } = await writeTo(server, provider, email, { subject: `Canary subject of ${name}`, body })
  await letCodesCountAgain(server)
  const { visitor, person, recoveryCodes } = await enrol(server, link, email, `three words of ${name}`)
  return { person, visitor, codes: recoveryCodes, message, body }
}

/** Asks for a link and waits for its mail. @returns its path */
export async function linkFor(server: TestServer, email: string): Promise<string> {
  await nothingUnderWay(server)
  const before = (await resetMails(server, email)).length
  const asked = await new Visitor(server).submit('/sign-in/forgot', '/sign-in/forgot', { email })
  if (asked.location !== '/sign-in/forgot/asked') throw new Error(`not asked: ${asked.status}`)
  return until(async () => {
    const mails = await resetMails(server, email)
    return mails.length > before && resetPathIn(mails[0]!.text)
  }, 'a link is mailed')
}

/** Jobs that were enqueued are done: no other mail is still to come. */
export async function nothingUnderWay(server: TestServer): Promise<void> {
  await until(
    async () => (await server.sql('SELECT 1 FROM graphile_worker._private_jobs')).length === 0,
    'no job is left',
  )
}

/** Newest first. */
export async function resetMails(server: TestServer, email: string) {
  return (await outbox(server)).filter(({ to, subject }) => to === email && /new password/.test(subject))
}

export function resetPathIn(text: string): string {
  return /https?:\/\/[^/\s]+(\/sign-in\/reset\/[\w-]{43})\s/.exec(text)![1]!
}

/** The form of a link, sent. */
export function setBy(server: TestServer, link: string, fields: { password: string; code: string }): Promise<Answer> {
  return new Visitor(server).submit(link, link, fields)
}

/** A new password by link and code from the app. @returns the person with it */
export async function resetByApp(server: TestServer, person: Person, password: string): Promise<Person> {
  await letCodesCountAgain(server)
  const answer = await setBy(server, await linkFor(server, person.email), { password, code: codeOf(person) })
  if (answer.location !== '/sign-in/password-set') throw new Error(`not set: ${answer.status} ${answer.h1}`)
  return { ...person, password }
}

/** The same by a recovery code. */
export async function resetByCode(server: TestServer, person: Person, password: string, code: string): Promise<Person> {
  const answer = await setBy(server, await linkFor(server, person.email), { password, code })
  if (answer.location !== '/sign-in/password-set') throw new Error(`not set: ${answer.status} ${answer.h1}`)
  return { ...person, password }
}

/** New recovery codes of somebody who has just signed in. */
export async function newCodes(visitor: Visitor): Promise<string[]> {
  const made = await visitor.submit('/account/recovery-codes', '/account/recovery-codes', {})
  if (made.location !== '/enrol/recovery-codes') throw new Error(`no codes made: ${made.status} ${made.location}`)
  const { body } = await visitor.ask('/enrol/recovery-codes')
  await visitor.submit('/enrol/recovery-codes', '/enrol/recovery-codes', { saved: 'yes' })
  return [...body.matchAll(/<li><code dir="ltr">([^<]+)<\/code><\/li>/g)].map((match) => match[1]!)
}
