/** Somebody new: written to by a provider, told by a notice, and, where a test wants it, enrolled. Also a look at all that is stored. */
import type { TestServer } from '../support/server.ts'
import { codeOf, type Person } from '../support/cast.ts'
import { Visitor, type Answer } from '../support/visitor.ts'
import { until } from '../support/until.ts'

export interface Written {
  message: string
  /** `/m/` and the token of the notice. */
  link: string
}

/** Sends a message as `provider` (signed in) and waits for its notice. */
export async function writeTo(
  server: TestServer,
  provider: Visitor,
  address: string,
  text = { subject: 'Your result', body: 'It is fine.' },
): Promise<Written> {
  const kept = await provider.upload('/messages/new', '/messages', { to: address, ...text, action: 'check' })
  const sent = await provider.submit(kept.location, kept.location.replace(/check$/, 'send'), {})
  const message = /^\/messages\/([^/]+)\/sent$/.exec(sent.location)?.[1]
  if (!message) throw new Error(`not sent: ${sent.status} ${sent.h1}`)
  return { message, link: await linkOf(server, message) }
}

/** The link in the notice of a message, once everything about that notice is written. */
export async function linkOf(server: TestServer, message: string): Promise<string> {
  const { linkToken } = await import('../../server/vault/vault.ts')
  return until(async () => {
    const rows = await server.sql<{ mailbox_id: string }>(
      `SELECT mailbox_id FROM message_recipients JOIN access_events ON act = 'notice.sent' AND subject_id = message_id WHERE message_id = $1`,
      [message],
    )
    return rows[0] && `/m/${linkToken(message, rows[0].mailbox_id)}`
  }, 'a notice is sent')
}

/** Landing and password; the visitor then stands before the second factor. */
export async function choosePassword(visitor: Visitor, link: string, password: string): Promise<Answer> {
  return visitor.submit(`${link}/password`, `${link}/password`, { password })
}

/** The key that the page of the second factor shows. */
export async function keyOnPage(visitor: Visitor): Promise<string> {
  const { body } = await visitor.ask('/enrol/second-factor')
  const key = /id="key"><bdi dir="ltr">([\s\S]*?)<\/bdi>/.exec(body)?.[1]
  if (!key) throw new Error('no key on the page')
  return key.replace(/<[^>]+>|\s/g, '')
}

/** Everything up to the recovery codes. */
export async function enrol(
  server: TestServer,
  link: string,
  email: string,
  password: string,
): Promise<{ visitor: Visitor; person: Person; recoveryCodes: string[] }> {
  const visitor = new Visitor(server)
  await choosePassword(visitor, link, password)
  const person = { role: 'patient', name: '', email, password, totpSecret: await keyOnPage(visitor) }
  const done = await visitor.submit('/enrol/second-factor', '/enrol/second-factor', { code: codeOf(person) })
  if (done.location !== '/enrol/recovery-codes') throw new Error(`not enrolled: ${done.status} ${done.h1}`)
  const { body } = await visitor.ask('/enrol/recovery-codes')
  const recoveryCodes = [...body.matchAll(/<li><code dir="ltr">([^<]+)<\/code><\/li>/g)].map((match) => match[1]!)
  await visitor.submit('/enrol/recovery-codes', '/enrol/recovery-codes', { saved: 'yes' })
  return { visitor, person, recoveryCodes }
}

/** That a link was asked for is in the log and nowhere else. */
const FOLLOWS_THE_LOG =
  /^(repeated_events|waiting_events|access_event_(hours|days)|alarm_(looks|counts|repeats)|log_(leaves|tiles|state|checkpoints|publications|checks))$/

/** How many rows each table has and a digest of all that is in them: equal before and after means that nothing was stored. */
export async function allThatIsStored(server: TestServer): Promise<Record<string, string>> {
  const tables = await server.sql<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1`,
  )
  const stored: Record<string, string> = {}
  for (const { name } of tables.filter((each) => !FOLLOWS_THE_LOG.test(each.name))) {
    const which = name.startsWith('access_events') ? "WHERE act <> 'link.fetched'" : ''
    const [row] = await server.sql<{ content: string }>(
      `SELECT count(*) || ' ' || md5(coalesce(string_agg(each::text, '|' ORDER BY each::text), '')) AS content FROM "${name}" AS each ${which}`,
    )
    stored[name] = row!.content
  }
  return stored
}

/** A page without what differs between any two answers: the request's id and the form's token. */
export function withoutNumbers({ body }: Answer): string {
  return body.replace(/name="_csrf" value="[^"]+"/g, '').replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'id')
}

/** Sends a message that asks for an access code first. @returns also the code, from the page that shows it once */
export async function writeWithCode(
  server: TestServer,
  provider: Visitor,
  address: string,
): Promise<Written & { code: string }> {
  const fields = { to: address, subject: 'Your result', body: 'It is fine.', 'access-code': 'yes', action: 'check' }
  const kept = await provider.upload('/messages/new', '/messages', fields)
  const sent = await provider.submit(kept.location, kept.location.replace(/check$/, 'send'), {})
  const code = codeOnPage(await provider.ask(sent.location))
  const message = /^\/messages\/([^/]+)\/sent$/.exec(sent.location)?.[1]
  if (!message || !code) throw new Error(`no code: ${sent.status} ${sent.h1}`)
  return { message, code, link: await linkOf(server, message) }
}

/** The access code that a page of the sender shows. */
export function codeOnPage({ body }: Answer): string | undefined {
  return /class="spoken"><bdi dir="ltr">([\s\S]*?)<\/bdi>/.exec(body)?.[1]?.replace(/<[^>]+>|\s/g, '')
}
