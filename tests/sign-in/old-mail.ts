/** For each way of changing or losing what one signs in with: whether mail from before can be read afterwards. The same list for both modes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestServer } from '../support/server.ts'
import { letCodesCountAgain, signedIn, type Visitor } from '../support/visitor.ts'
import { newCodes, newPatient, resetByApp, resetByCode, type Patient } from './way-back.ts'

/** @param mode of the server that `started` returns */
export function testOldMail(mode: 'managed' | 'sealed', started: () => TestServer) {
  let number = 0
  const setUp = async () => {
    const server = started()
    const dana = await signedIn(server, server.cast.dana)
    return { server, patient: await newPatient(server, dana, `old-mail-${mode}-${number++}`) }
  }
  const reads = async (visitor: Visitor, { message, body }: Patient) => {
    const page = await visitor.ask(`/messages/${message}`)
    assert.equal(page.status, 200)
    return page.body.includes(body)
  }

  test(`${mode}: enrolment -> mail from before it can be read`, async () => {
    const { patient } = await setUp()
    assert.equal(await reads(patient.visitor, patient), true)
  })

  test(`${mode}: a changed password -> old mail can be read`, async () => {
    const { server, patient } = await setUp()
    const { person, visitor } = patient
    const password = 'another three words'
    const changed = await visitor.submit('/account/password', '/account/password', {
      current: person.password,
      password,
    })
    assert.equal(changed.status, 303)
    assert.equal(await reads(await signedIn(server, { ...person, password }), patient), true)
  })

  test(`${mode}: a forgotten password, by the code app -> old mail ${mode === 'managed' ? 'can' : 'can not'} be read`, async () => {
    const { server, patient } = await setUp()
    const person = await resetByApp(server, patient.person, 'quite another password')
    const visitor = await signedIn(server, person)
    assert.equal(await reads(visitor, patient), mode === 'managed')
    const acts = await actsAbout(server, patient)
    assert.equal(acts.includes('mailbox.recovered'), mode === 'managed')
    assert.equal(acts.includes('mailbox.renewed'), mode === 'sealed')
  })

  test(`${mode}: a forgotten password, by a recovery code -> old mail can be read`, async () => {
    const { server, patient } = await setUp()
    const person = await resetByCode(server, patient.person, 'quite another password', patient.codes[3]!)
    assert.equal(await reads(await signedIn(server, person), patient), true)
    const acts = await actsAbout(server, patient)
    assert.ok(!acts.includes('mailbox.recovered') && !acts.includes('mailbox.renewed'), acts.join())
  })

  test(`${mode}: new recovery codes -> old mail can be read, also after a new password by one of them`, async () => {
    const { server, patient } = await setUp()
    const codes = await newCodes(patient.visitor)
    assert.equal(await reads(patient.visitor, patient), true)
    const person = await resetByCode(server, patient.person, 'quite another password', codes[0]!)
    assert.equal(await reads(await signedIn(server, person), patient), true)
  })

  test(`${mode}: a sign-in by recovery code -> old mail can be read`, async () => {
    const { server, patient } = await setUp()
    const visitor = await signInByCode(server, patient, patient.person.password, patient.codes[9]!)
    assert.equal(await reads(visitor, patient), true)
  })
}

export async function signInByCode(server: TestServer, { person }: Patient, password: string, code: string) {
  const { Visitor } = await import('../support/visitor.ts')
  await letCodesCountAgain(server)
  const visitor = new Visitor(server)
  await visitor.submit('/sign-in', '/sign-in', { email: person.email, password })
  const answer = await visitor.submit('/sign-in/recovery-code', '/sign-in/recovery-code', { code })
  assert.equal(answer.location, '/account/recovery-code-used?next=%2Fmessages', `${answer.status}`)
  return visitor
}

/** What is in the log about a patient's account. */
export async function actsAbout(server: TestServer, { person }: Patient): Promise<string[]> {
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  const account = (await findAccountByEmail(person.email))!
  const rows = await server.sql<{ act: string }>('SELECT act FROM access_events WHERE subject_id = $1', [account.id])
  return rows.map(({ act }) => act)
}
