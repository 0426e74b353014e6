/** What tests do again and again with messages: write one, answer one, find its notice, make a sign-in; all through the pages. */
import { randomUUID } from 'node:crypto'
import type { Reader } from '../../server/sign-in/reader.ts'
import type { Person } from './cast.ts'
import { codeOf } from './cast.ts'
import type { TestServer } from './server.ts'
import { Visitor, letCodesCountAgain, plain, type Answer, type TestFile } from './visitor.ts'
import { until } from './until.ts'

export interface CapturedMail {
  to: string
  subject: string
  text: string
  html: string
  headers: Record<string, string>
  at: string
}

export interface Letter {
  to: string
  subject?: string
  body?: string
  team?: string
  files?: TestFile[]
}

/** Writes a new message and sends it. @returns its id */
export async function writeTo(
  provider: Visitor,
  { to, subject = 'A fictitious subject', body = 'A fictitious text.', team, files = [] }: Letter,
): Promise<string> {
  const fields = { draft: '', to, subject, body, action: 'check', ...(team ? { team } : {}) }
  const first = await provider.upload('/messages/new', '/messages', fields, files)
  const kept = first.status === 422 ? await sendPlaces(provider, first, fields) : first
  const draft = /^\/drafts\/([\w-]+)\/check$/.exec(kept.location)?.[1]
  if (!draft) throw new Error(`the message was not kept: ${kept.status} ${plain(kept.body).slice(0, 600)}`)
  const sent = await provider.submit(`/drafts/${draft}/check`, `/drafts/${draft}/send`, {})
  return idIn(sent)
}

/** Presses once more when a photo says where it was taken, and leaves that in. */
async function sendPlaces(provider: Visitor, told: Answer, fields: Record<string, string>): Promise<Answer> {
  const [, draft] = /name="draft" value="([^"]+)"/.exec(told.body) ?? []
  const [, photo] = /name="told-place" value="([^"]+)"/.exec(told.body) ?? []
  if (!draft || !photo) return told
  return provider.upload('/messages/new', '/messages', { ...fields, draft, 'told-place': photo })
}

/** The message that a redirect leads to. */
export function idIn(answer: Answer): string {
  const id = /^\/messages\/([0-9a-f-]{36})\/sent$/.exec(answer.location)?.[1]
  if (!id) throw new Error(`nothing was sent: ${answer.status} ${answer.location} ${plain(answer.body).slice(0, 600)}`)
  return id
}

/** The hidden fields of the reply form on a thread's page. */
export async function replyFields(visitor: Visitor, message: string): Promise<{ submission: string; seen: string }> {
  const { body, status } = await visitor.ask(`/messages/${message}`)
  const value = (name: string) => new RegExp(`name="${name}" value="([^"]+)"`).exec(body)?.[1]
  const [submission, seen] = [value('submission'), value('seen')]
  if (!submission || !seen) throw new Error(`no reply form for ${message} (${status})`)
  return { submission, seen }
}

/** Sends the reply form of a thread, as it stands on its page. */
export async function answerTo(
  visitor: Visitor,
  message: string,
  fields: Record<string, string> = {},
  files: TestFile[] = [],
): Promise<Answer> {
  const hidden = await replyFields(visitor, message)
  const page = `/messages/${message}`
  return visitor.upload(page, `${page}/replies`, { ...hidden, body: '', action: 'send', ...fields }, files)
}

export async function outbox(server: TestServer): Promise<CapturedMail[]> {
  return (await (await fetch(`${server.baseUrl}/demo/outbox.json`)).json()) as CapturedMail[]
}

/** Waits until `count` mails to an address are there. Newest first. */
export async function mailsTo(server: TestServer, address: string, count = 1): Promise<CapturedMail[]> {
  return until(async () => {
    const mails = (await outbox(server)).filter(({ to }) => to === address)
    return mails.length >= count && mails
  }, `${count} mails to ${address}`)
}

/** The path in a mail's link. */
export function linkIn(mail: CapturedMail): string {
  return /https?:\/\/[^/\s]+(\/m\/[\w-]+)/.exec(mail.text)![1]!
}

/** Makes a sign-in by a notice's link, up to the page that shows the recovery codes. */
export async function enrol(server: TestServer, link: string): Promise<{ visitor: Visitor; person: Person }> {
  const visitor = new Visitor(server)
  const password = `fictitious ${randomUUID()}`
  const first = await visitor.submit(`${link}/password`, `${link}/password`, { password })
  if (first.location !== '/enrol/second-factor')
    throw new Error(`no password made: ${first.status} ${plain(first.body)}`)
  const page = await visitor.ask('/enrol/second-factor')
  const totpSecret = /secret(?:=|&#x3D;)([A-Z2-7]{16,})/.exec(page.body)![1]!
  const person = { role: '', name: '', email: '', password, totpSecret }
  const second = await visitor.submit('/enrol/second-factor', '/enrol/second-factor', { code: codeOf(person) })
  if (second.location !== '/enrol/recovery-codes')
    throw new Error(`no sign-in made: ${second.status} ${plain(second.body)}`)
  await visitor.submit('/enrol/recovery-codes', '/enrol/recovery-codes', { saved: 'yes' })
  return { visitor, person }
}

/** Somebody of the cast as a reader, opened by the recovery key: for what would take too long through the pages. */
export async function readerOf(email: string): Promise<Reader> {
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  const { openMailboxByRecovery } = await import('../../server/accounts/mailbox-key.ts')
  const { findMailboxOf } = await import('../../server/accounts/mailbox.store.ts')
  const { system } = await import('../../server/audit/actor.ts')
  const { makeReader } = await import('../../server/sign-in/reader.ts')
  const account = (await findAccountByEmail(email))!
  const { privateKey } = await openMailboxByRecovery((await findMailboxOf({ accountId: account.id }))!)
  return (await makeReader(system, account.id, () => privateKey))!
}

/** Signs several people in, one after another. */
export async function everybodyIn<Name extends string>(
  server: TestServer,
  people: Record<Name, Person>,
): Promise<Record<Name, Visitor>> {
  const visitors: Partial<Record<Name, Visitor>> = {}
  for (const [name, person] of Object.entries(people) as [Name, Person][]) {
    await letCodesCountAgain(server)
    const visitor = new Visitor(server)
    const answer = await visitor.signIn(person)
    if (answer.status !== 303) throw new Error(`${person.email} could not sign in: ${answer.status} ${answer.h1}`)
    visitors[name] = visitor
  }
  return visitors as Record<Name, Visitor>
}

export const textFile = (name: string, text: string): TestFile => ({
  name,
  type: 'text/plain',
  bytes: Buffer.from(text),
})
