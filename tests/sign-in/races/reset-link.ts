/**
 * A link for a new password, its form sent fifty times at once over two processes: one sets the password. In every second round half of them give
 * a code from the app and half a recovery code: of the two, only the winner's is used up.
 */
import assert from 'node:assert/strict'
import { codeOf } from '../../support/cast.ts'
import { onAnother, type TwoProcesses } from '../../support/second-process.ts'
import { letCodesCountAgain, signedIn, Visitor } from '../../support/visitor.ts'
import { linkFor, newPatient } from '../way-back.ts'
import { postForm } from './post-form.ts'

const TIMES = 50

export async function raceResetLink(rounds: number, { server, second }: TwoProcesses): Promise<void> {
  const { findAccountByEmail } = await import('../../../server/accounts/account.store.ts')
  const { findMailboxOf } = await import('../../../server/accounts/mailbox.store.ts')
  const { openMailboxByRecovery } = await import('../../../server/accounts/mailbox-key.ts')
  const { inTransaction } = await import('../../../server/database/connection.ts')
  const { makeRecoveryCodes } = await import('../../../server/sign-in/recovery-code.ts')
  const { person } = await newPatient(server, await signedIn(server, server.cast.dana), 'raced')
  const { id } = (await findAccountByEmail(person.email))!
  for (let round = 1; round <= rounds; round++) await oneSetsIt(round)

  async function oneSetsIt(round: number) {
    await letCodesCountAgain(server)
    const recoveryCode = await freshCode()
    const link = await linkFor(server, person.email)
    const browser = new Visitor(server)
    const _csrf = await browser.tokenOn(link)
    await postForm(browser, link, { _csrf, password: 'three random words', code: 'wrong' })
    // As if there were hours of tries, so that all fifty meet.
    await server.sql('UPDATE rate_limits SET points = -1000')
    await server.sql('UPDATE credentials SET totp_last_step = 0')
    const password = `three random words ${round}`
    const code = codeOf(person)
    const [resetsBefore, stepBefore] = [await resets(), await lastStep()]
    const answers = await Promise.all(
      Array.from({ length: TIMES }, (_, index) =>
        postForm(onAnother(index % 4 < 2 ? server : second, browser), link, {
          _csrf,
          password,
          code: round % 2 === 0 && index % 2 === 0 ? recoveryCode : code,
        }),
      ),
    )
    const winners = answers.filter(({ location }) => location === '/sign-in/password-set')
    const statuses = answers.map(({ status }) => status)
    assert.equal(winners.length, 1, statuses.join())
    assert.ok(
      statuses.every((status) => [303, 404, 422, 429].includes(status)),
      statuses.join(),
    )
    assert.equal(await resets(), resetsBefore + 1)
    const [app, recovery] = [(await lastStep()) !== stepBefore, (await codesLeft()) === 9]
    assert.deepEqual([app, recovery].filter(Boolean), [true], 'one second factor is used up')
    // The winner's recovery code counts for the sign-in that follows; nobody is signed in.
    const left = await server.sql(`SELECT sess->>'stage' AS stage FROM sessions WHERE sess->>'accountId' = $1`, [id])
    assert.deepEqual(left, recovery ? [{ stage: 'recovered' }] : [])
    await server.sql('DELETE FROM rate_limits')
    const signIn = await new Visitor(server).submit('/sign-in', '/sign-in', { email: person.email, password })
    assert.equal(signIn.location, '/sign-in/code')
  }

  async function freshCode(): Promise<string> {
    const mailbox = (await findMailboxOf({ accountId: id }))!
    const pair = await openMailboxByRecovery(mailbox)
    const codes = await inTransaction((transaction) =>
      makeRecoveryCodes({ ...mailbox, ...pair }, new Date(), transaction),
    )
    return codes[0]!
  }

  async function resets() {
    return (await server.sql(`SELECT 1 FROM access_events WHERE act = 'password.reset' AND subject_id = $1`, [id]))
      .length
  }

  async function lastStep() {
    const rows = await server.sql<{ step: string }>(
      'SELECT totp_last_step::text AS step FROM credentials WHERE account_id = $1',
      [id],
    )
    return rows[0]!.step
  }

  async function codesLeft() {
    return (
      await server.sql(
        `SELECT 1 FROM openers o JOIN mailboxes m ON m.id = o.mailbox_id WHERE o.kind = 'recovery-code' AND m.account_id = $1`,
        [id],
      )
    ).length
  }
}
