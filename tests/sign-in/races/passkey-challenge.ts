/**
 * A passkey's answer sent fifty times at once over two processes: a challenge is good for one sign-in, and a new passkey makes one sign-in of its
 * owner, with one opener.
 */
import assert from 'node:assert/strict'
import { onAnother, type TwoProcesses } from '../../support/second-process.ts'
import { SoftwarePasskey, type RegistrationOptions } from '../../support/software-passkey.ts'
import { letCodesCountAgain, signedIn, Visitor, type Answer } from '../../support/visitor.ts'
import { writeTo } from '../../enrolment/newcomer.ts'

const TIMES = 50
const SECRET = Buffer.alloc(32, 7).toString('base64url')

export async function racePasskeyChallenge(rounds: number, { server, second }: TwoProcesses): Promise<void> {
  const { findAccountByEmail } = await import('../../../server/accounts/account.store.ts')
  let dana = await signedIn(server, server.cast.dana)
  for (let round = 1; round <= rounds; round++) {
    if (round % 50 === 0) dana = await signedIn(server, server.cast.dana)
    const email = `passkey.${round}@mail.example`
    const { link } = await writeTo(server, dana, email)
    const device = new SoftwarePasskey(server.port)
    await enrolOnce(link, email, device)
    await signInOnce(device)
  }

  async function enrolOnce(link: string, email: string, device: SoftwarePasskey) {
    const visitor = new Visitor(server)
    const { _csrf, options } = await askedBy<RegistrationOptions>(visitor, `${link}/password`, `${link}/passkey`)
    const form = { _csrf, answer: device.create(options), prf: SECRET }
    const answers = await fiftyTimes(visitor, `${link}/passkey`, form)
    assert.equal(answers.filter(({ location }) => location === '/enrol/recovery-codes').length, 1)
    assertCalm(answers)
    const { id } = (await findAccountByEmail(email))!
    const openers = await server.sql(
      `SELECT kind, count(*)::int AS many FROM openers JOIN mailboxes ON mailboxes.id = mailbox_id WHERE mailboxes.account_id = $1 GROUP BY kind ORDER BY kind`,
      [id],
    )
    assert.deepEqual(openers, [
      { kind: 'passkey', many: 1 },
      { kind: 'recovery', many: 1 },
      { kind: 'recovery-code', many: 10 },
    ])
    assert.equal((await server.sql('SELECT 1 FROM passkeys WHERE account_id = $1', [id])).length, 1)
  }

  async function signInOnce(device: SoftwarePasskey) {
    const visitor = new Visitor(server)
    const { _csrf, options } = await askedBy<{ challenge: string }>(visitor, '/sign-in', '/sign-in/passkey')
    const form = { _csrf, answer: device.use(options), prf: SECRET }
    const answers = await fiftyTimes(visitor, '/sign-in/passkey', form)
    assert.equal(answers.filter(({ location }) => location === '/messages').length, 1)
    assertCalm(answers)
  }

  /** So that all fifty meet: as if they had hours of tries. One wrong try makes the rows that are changed. */
  async function fiftyTimes(visitor: Visitor, path: string, form: Record<string, string>): Promise<Answer[]> {
    await letCodesCountAgain(server)
    await post(visitor, path, { ...form, answer: '' })
    await server.sql('UPDATE rate_limits SET points = -1000')
    return Promise.all(
      Array.from({ length: TIMES }, (_, index) => post(onAnother(index % 2 ? server : second, visitor), path, form)),
    )
  }

  /** Both processes stand behind one name. */
  function post(visitor: Visitor, path: string, form: Record<string, string>): Promise<Answer> {
    return visitor.ask(path, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', host: `localhost:${server.port}` },
      body: new URLSearchParams(form).toString(),
    })
  }
}

async function askedBy<Options>(visitor: Visitor, page: string, path: string) {
  const _csrf = await visitor.tokenOn(page)
  return { _csrf, options: JSON.parse((await visitor.ask(path)).body) as Options }
}

/** The one that wins gives the tries back, so that those behind it are counted anew and a few may be too many. */
function assertCalm(answers: Answer[]) {
  assert.deepEqual(
    answers.filter(({ status }) => ![303, 422, 429].includes(status)).map(({ status }) => status),
    [],
  )
}
