/**
 * Somebody new makes a sign-in in four browsers, and all four are completed fifty times at once over two processes: one account, one password,
 * one set of recovery codes.
 */
import assert from 'node:assert/strict'
import { codeOf } from '../../support/cast.ts'
import { onAnother, type TwoProcesses } from '../../support/second-process.ts'
import type { TestServer } from '../../support/server.ts'
import { letCodesCountAgain, signedIn, Visitor } from '../../support/visitor.ts'
import { choosePassword, keyOnPage, writeTo } from '../../enrolment/newcomer.ts'
import { postForm } from './post-form.ts'

export async function raceEnrolment(rounds: number, { server, second }: TwoProcesses): Promise<void> {
  let dana = await signedIn(server, server.cast.dana)
  for (let round = 1; round <= rounds; round++) {
    if (round % 50 === 0) dana = await signedIn(server, server.cast.dana)
    await enrolmentRound(server, second, dana, `round.${round}@mail.example`)
  }
}

/** @param dana writes to the newcomer */
export async function enrolmentRound(
  server: TestServer,
  second: { port: number },
  dana: Visitor,
  email: string,
): Promise<void> {
  await letCodesCountAgain(server)
  const { link } = await writeTo(server, dana, email)
  const attempts = await Promise.all([0, 1, 2, 3].map(atTheCode))
  const before = await credentials()
  const answers = await Promise.all(
    Array.from({ length: 50 }, async (_, index) => {
      const { visitor, token, code, password } = attempts[index % 4]!
      const copy = onAnother(index % 8 < 4 ? server : second, visitor)
      return { ...(await postForm(copy, '/enrol/second-factor', { _csrf: token, code })), password }
    }),
  )
  const winners = answers.filter(({ location }) => location === '/enrol/recovery-codes')
  assert.equal(winners.length, 1)
  assert.deepEqual(
    answers.filter(({ status }) => ![303, 403].includes(status)).map(({ status }) => status),
    [],
  )
  assert.equal(await credentials(), before + 1)
  const { findAccountByEmail } = await import('../../../server/accounts/account.store.ts')
  const account = (await findAccountByEmail(email))!
  assert.equal(account.state, 'active')
  const openers = await server.sql(
    `SELECT kind, count(*)::int AS many FROM openers JOIN mailboxes ON mailboxes.id = mailbox_id WHERE mailboxes.account_id = $1 GROUP BY kind ORDER BY kind`,
    [account.id],
  )
  assert.deepEqual(openers, [
    { kind: 'password', many: 1 },
    { kind: 'recovery', many: 1 },
    { kind: 'recovery-code', many: 10 },
  ])
  assert.deepEqual(await server.sql('SELECT 1 FROM enrolments WHERE account_id = $1', [account.id]), [])
  const events = await server.sql(`SELECT 1 FROM access_events WHERE act = 'account.enrolled' AND subject_id = $1`, [
    account.id,
  ])
  assert.equal(events.length, 1)
  await server.sql('DELETE FROM rate_limits')
  const other = attempts.find(({ password }) => password !== winners[0]!.password)!
  for (const [password, status] of [
    [winners[0]!.password, 303],
    [other.password, 422],
  ] as const)
    assert.equal((await new Visitor(server).submit('/sign-in', '/sign-in', { email, password })).status, status)

  async function atTheCode(each: number) {
    const visitor = new Visitor(server)
    const password = `three random words ${each}`
    assert.equal((await choosePassword(visitor, link, password)).location, '/enrol/second-factor')
    const code = codeOf({ totpSecret: await keyOnPage(visitor) })
    return { visitor, token: await visitor.tokenOn('/enrol/second-factor'), password, code }
  }

  async function credentials() {
    const [row] = await server.sql<{ many: number }>('SELECT count(*)::int AS many FROM credentials')
    return row!.many
  }
}
