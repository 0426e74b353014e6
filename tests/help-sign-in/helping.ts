/** Helping somebody to a new sign-in, step by step, as staff and the person do it on the pages. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { codeOf, type Person } from '../support/cast.ts'
import { enrol, linkIn, mailsTo, writeTo } from '../support/letters.ts'
import type { TestServer } from '../support/server.ts'
import { plain, Visitor, type Answer } from '../support/visitor.ts'
import { changeRows } from '../support/bound-rows.ts'
import { until } from '../support/until.ts'

export const TICKED = {
  reached: 'yes',
  knows: 'yes',
  told: 'yes',
  reason: 'Lost the phone and the paper. I know the voice.',
}

/** Finds somebody by their address. @returns the path of their page */
export async function findPerson(helper: Visitor, email: string): Promise<string> {
  const found = await helper.submit('/help-sign-in', '/help-sign-in', { email })
  if (!found.location.startsWith('/help-sign-in/people/')) throw new Error(`not found: ${found.status} ${found.h1}`)
  return found.location
}

/** The first of the two asks. @returns the path of the request */
export async function askHelpFor(helper: Visitor, email: string): Promise<string> {
  const page = `${await findPerson(helper, email)}/ask`
  const asked = await helper.submit(page, page, TICKED)
  if (!asked.location.startsWith('/help-sign-in/requests/'))
    throw new Error(`not asked: ${asked.status} ${plain(asked.body)}`)
  return asked.location
}

export const press = (helper: Visitor, path: string, button: 'approve' | 'stop' | 'code') =>
  helper.submit(path, `${path}/${button}`, {})

export const idOf = (path: string) => path.split('/').at(-1)!

/** Waits until the notice has gone out, with which the time of waiting begins. */
export async function noticeOut(server: TestServer, path: string): Promise<Date> {
  return until(async () => {
    const [row] = await server.sql<{ ready_at: Date | null }>('SELECT ready_at FROM assisted_resets WHERE id = $1', [
      idOf(path),
    ])
    return row?.ready_at ?? undefined
  }, 'a notice goes out')
}

/** Behind the product's back: the time of waiting is over. */
export async function letTheWaitPass(server: TestServer, path: string) {
  await noticeOut(server, path)
  await changeRows(server, `UPDATE assisted_resets SET ready_at = now() - interval '1 second' WHERE id = $1`, [
    idOf(path),
  ])
}

/** Asked by one, approved by the other, and the wait is over. @returns the path of the request */
export async function readyRequest(
  server: TestServer,
  asks: Visitor,
  approves: Visitor,
  email: string,
): Promise<string> {
  const path = await askHelpFor(asks, email)
  await press(approves, path, 'approve')
  await letTheWaitPass(server, path)
  return path
}

export function codeOn(answer: Answer): string {
  const code = /class="told-code"[^>]*><bdi dir="ltr">([^<]+)<\/bdi>/.exec(answer.body)?.[1]
  if (!code) throw new Error(`no code: ${answer.status} ${plain(answer.body)}`)
  return code
}

export const makeCode = async (helper: Visitor, path: string) => codeOn(await press(helper, path, 'code'))

export const typeStaffCode = (visitor: Visitor, email: string, code: string) =>
  visitor.submit('/sign-in/staff-code', '/sign-in/staff-code', { email, code })

/** The code and the password. @returns the visitor before the code app, with what the app is given */
export async function untilTheApp(server: Pick<TestServer, 'port'>, email: string, code: string) {
  const visitor = new Visitor(server)
  const begun = await typeStaffCode(visitor, email, code)
  if (begun.location !== '/sign-in/staff-code/password')
    throw new Error(`code not taken: ${begun.status} ${plain(begun.body)}`)
  return stepsToTheApp(visitor, email)
}

/** The password, once the code was taken. */
export async function stepsToTheApp(visitor: Visitor, email: string) {
  const page = '/sign-in/staff-code/password'
  const password = `fictitious ${randomUUID()}`
  const chosen = await visitor.submit(page, page, { password })
  if (chosen.location !== '/sign-in/staff-code/second-factor')
    throw new Error(`no password: ${chosen.status} ${plain(chosen.body)}`)
  const { body } = await visitor.ask(chosen.location)
  const key = /id="key"><bdi dir="ltr">([\s\S]*?)<\/bdi>/.exec(body)![1]!
  const person: Person = { role: '', name: '', email, password, totpSecret: key.replace(/<[^>]+>|\s/g, '') }
  return { visitor, person }
}

/** The last step. */
export const typeAppCode = (visitor: Visitor, person: Person) =>
  visitor.submit('/sign-in/staff-code/second-factor', '/sign-in/staff-code/second-factor', { code: codeOf(person) })

/** Somebody new with a sign-in and one message from `provider`. */
export async function newPatient(server: TestServer, provider: Visitor, email: string) {
  const message = await writeTo(provider, {
    to: email,
    subject: 'From before',
    body: 'Written before everything was lost.',
  })
  const { visitor, person } = await enrol(server, linkIn((await mailsTo(server, email))[0]!))
  return { visitor, person: { ...person, email }, message }
}

export async function accountId(email: string): Promise<string> {
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  return (await findAccountByEmail(email))!.id
}

/** How often this stands in the log about somebody. */
export async function countEvents(server: TestServer, act: string, email: string, outcome = 'done'): Promise<number> {
  const rows = await server.sql('SELECT 1 FROM access_events WHERE act = $1 AND subject_id = $2 AND outcome = $3', [
    act,
    await accountId(email),
    outcome,
  ])
  return rows.length
}

export async function resetRow(server: TestServer, path: string): Promise<Record<string, unknown>> {
  const [found] = await server.sql('SELECT * FROM assisted_resets WHERE id = $1', [idOf(path)])
  return found!
}

export function assertShownAgain(answer: Answer, field: string, text: RegExp) {
  assert.equal(answer.status, 422)
  assert.match(plain(/class="summary"[\s\S]*?<\/section>/.exec(answer.body)![0]), text)
  assert.ok(answer.body.includes(`href="#${field}"`))
}

/** A page without what differs between any two answers. */
export function withoutVariables({ body }: Answer, email: string): string {
  return body
    .replace(/name="_csrf" value="[^"]+"/g, '')
    .replace(/ data-(idle|last)="\d+"/g, '')
    .replaceAll(email, 'ADDRESS')
}
