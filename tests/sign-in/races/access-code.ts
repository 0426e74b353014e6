/**
 * An access code typed fifty times at once over two processes lets one browser in; and a sign-in that is completed in the moment in which the
 * team makes a new code is either whole, or not there and guarded by the new one.
 */
import assert from 'node:assert/strict'
import { codeOf } from '../../support/cast.ts'
import { onAnother, type TwoProcesses } from '../../support/second-process.ts'
import { letCodesCountAgain, signedIn, Visitor, type Answer } from '../../support/visitor.ts'
import { choosePassword, keyOnPage, writeWithCode } from '../../enrolment/newcomer.ts'

const TIMES = 50

export async function raceAccessCode(rounds: number, { server, second }: TwoProcesses): Promise<void> {
  const { findAccountByEmail } = await import('../../../server/accounts/account.store.ts')
  let dana = await signedIn(server, server.cast.dana)
  for (let round = 1; round <= rounds; round++) {
    if (round % 50 === 0) dana = await signedIn(server, server.cast.dana)
    const email = `round.${round}@mail.example`
    const { link, message, code } = await writeWithCode(server, dana, email)
    const { id } = (await findAccountByEmail(email))!
    const holder = await oneGetsIn(link, code, id)
    await newCodeWhileCompleting(holder, link, message, id, email)
  }

  async function oneGetsIn(link: string, code: string, id: string): Promise<Visitor> {
    const browser = new Visitor(server)
    const token = await browser.tokenOn(link)
    await liftLimits(browser, link, token)
    const browsers = Array.from({ length: TIMES }, (_, index) => onAnother(index % 2 ? server : second, browser))
    const answers = await Promise.all(browsers.map((each) => post(each, link, { _csrf: token, code })))
    const won = answers.flatMap(({ location }, index) => (location === `${link}/password` ? [index] : []))
    assert.equal(won.length, 1, `${won.length} got in`)
    assert.deepEqual(
      answers.filter(({ status }) => ![303, 422, 429].includes(status)),
      [],
    )
    const proofs = browsers.filter(({ cookies }) => cookies.has('__Host-access'))
    assert.deepEqual(proofs, [browsers[won[0]!]], 'one browser has the proof')
    assert.equal(await count(`SELECT 1 FROM access_events WHERE act = 'access-code.given' AND subject_id = $1`, id), 1)
    return onAnother(server, proofs[0]!)
  }

  /** So that all fifty meet: as if they had hours of tries. One wrong try makes the rows that are changed. */
  async function liftLimits(browser: Visitor, link: string, token: string) {
    await letCodesCountAgain(server)
    assert.equal((await post(browser, link, { _csrf: token, code: '00000000' })).status, 422)
    await server.sql('UPDATE rate_limits SET points = -1000')
  }

  async function newCodeWhileCompleting(
    holder: Visitor,
    link: string,
    message: string,
    id: string,
    email: string,
  ): Promise<void> {
    await letCodesCountAgain(server)
    assert.equal((await choosePassword(holder, link, 'three random words 7')).location, '/enrol/second-factor')
    const code = codeOf({ totpSecret: await keyOnPage(holder) })
    const _csrf = await holder.tokenOn('/enrol/second-factor')
    const path = `/messages/${message}/access-code`
    const danas = await dana.tokenOn(path)
    const places = Array.from({ length: 10 }, (_, index) => (index % 2 ? server : second))
    await Promise.all(
      places.flatMap((place) => [
        post(onAnother(place, holder), '/enrol/second-factor', { _csrf, code }),
        post(onAnother(place, dana), path, { _csrf: danas }),
      ]),
    )
    const active = (await findAccountByEmail(email))!.state === 'active'
    const guards = await count('SELECT 1 FROM access_codes WHERE account_id = $1', id)
    const proved = await count('SELECT 1 FROM access_codes WHERE account_id = $1 AND proof_digest IS NOT NULL', id)
    const credentials = await count('SELECT 1 FROM credentials WHERE account_id = $1', id)
    assert.deepEqual([guards, proved, credentials], active ? [0, 0, 1] : [1, 0, 0])
  }

  async function count(sql: string, id: string): Promise<number> {
    return (await server.sql(sql, [id])).length
  }
}

function post(visitor: Visitor, path: string, fields: Record<string, string>): Promise<Answer> {
  return visitor.ask(path, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(fields).toString(),
  })
}
