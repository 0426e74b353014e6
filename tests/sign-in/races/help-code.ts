/**
 * Help with a sign-in, each step fifty times at once over two processes: one approval, one use of a code, one new sign-in. The limit of five
 * tries an hour is lifted behind the product's back, so that all fifty meet.
 */
import assert from 'node:assert/strict'
import { codeOf } from '../../support/cast.ts'
import { everybodyIn } from '../../support/letters.ts'
import { onAnother, type TwoProcesses, type SecondProcess } from '../../support/second-process.ts'
import type { TestServer } from '../../support/server.ts'
import { letCodesCountAgain, Visitor, type Answer } from '../../support/visitor.ts'
import {
  accountId,
  askHelpFor,
  countEvents,
  letTheWaitPass,
  makeCode,
  newPatient,
  resetRow,
  stepsToTheApp,
  typeStaffCode,
} from '../../help-sign-in/helping.ts'
import { changeSessions } from '../session-rows.ts'

const EMAIL = 'race.for.help@mail.example'
const TIMES = 50

export async function raceHelpCode(rounds: number, { server, second }: TwoProcesses): Promise<void> {
  const { dana, sam, ada } = server.cast
  const staff = await everybodyIn(server, { dana, sam, ada })
  await newPatient(server, staff.dana, EMAIL)
  for (let round = 1; round <= rounds; round++) {
    await letCodesCountAgain(server)
    // Nobody's proof gets old in a long race.
    const now = Date.now()
    await changeSessions(server, { provedAt: now, seenAt: now, startedAt: now })
    const path = await raceToApprove(server, second, staff)
    await letTheWaitPass(server, path)
    const winner = await raceToTakeTheCode(server, second, await makeCode(staff.dana, path))
    await raceToFinish(server, second, winner)
    assert.notEqual((await resetRow(server, path))['used_at'], null)
    assert.equal(await countEvents(server, 'help.used', EMAIL), round)
  }
}

async function raceToApprove(
  server: TestServer,
  second: SecondProcess,
  { dana, sam, ada }: { dana: Visitor; sam: Visitor; ada: Visitor },
): Promise<string> {
  const path = await askHelpFor(dana, EMAIL)
  const before = await countEvents(server, 'help.approved', EMAIL)
  const tokens = [await sam.tokenOn(path), await ada.tokenOn(path), await dana.tokenOn(path)]
  const answers = await fifty((index) => {
    const visitor = onAnother(index % 2 ? second : server, [sam, ada, dana][index % 3]!)
    return post(visitor, `${path}/approve`, { _csrf: tokens[index % 3]! })
  })
  for (const [index, { status }] of answers.entries()) assert.equal(status, index % 3 === 2 ? 404 : 303)
  assert.equal(await countEvents(server, 'help.approved', EMAIL), before + 1)
  return path
}

async function raceToTakeTheCode(server: TestServer, second: SecondProcess, code: string): Promise<Visitor> {
  await typeStaffCode(new Visitor(server), EMAIL, '00000000')
  await server.sql(`UPDATE rate_limits SET points = -1000 WHERE key LIKE 'help-code%'`)
  const first = new Visitor(server)
  const _csrf = await first.tokenOn('/sign-in/staff-code')
  const visitors = Array.from({ length: TIMES }, (_, index) => onAnother(index % 2 ? second : server, first))
  const answers = await fifty((index) => post(visitors[index]!, '/sign-in/staff-code', { _csrf, email: EMAIL, code }))
  const won = answers.findIndex(({ status }) => status === 303)
  assert.equal(answers.filter(({ status }) => status === 303).length, 1, 'one use of a code')
  // The one who wins has the tries counted from the beginning again: of those who come later, five are told that it is wrong.
  for (const { status } of answers) assert.ok([303, 422, 429].includes(status), String(status))
  return visitors[won]!
}

async function raceToFinish(server: TestServer, second: SecondProcess, winner: Visitor): Promise<void> {
  const { person } = await stepsToTheApp(winner, EMAIL)
  const step = '/sign-in/staff-code/second-factor'
  const _csrf = await winner.tokenOn(step)
  const answers = await fifty((index) =>
    post(onAnother(index % 2 ? second : server, winner), step, { _csrf, code: codeOf(person) }),
  )
  assert.equal(answers.filter(({ location }) => location === '/enrol/recovery-codes').length, 1, 'one new sign-in')
  for (const { status } of answers) assert.ok([303, 403].includes(status), String(status))
  const [row] = await server.sql(
    `SELECT count(*) FILTER (WHERE kind = 'password')::int AS passwords, count(*) FILTER (WHERE kind = 'recovery-code')::int AS codes
     FROM openers o JOIN mailboxes m ON m.id = o.mailbox_id WHERE m.account_id = $1`,
    [await accountId(EMAIL)],
  )
  assert.deepEqual(row, { passwords: 1, codes: 10 })
}

const fifty = (ask: (index: number) => Promise<Answer>) =>
  Promise.all(Array.from({ length: TIMES }, (_, index) => ask(index)))

const post = (visitor: Visitor, path: string, fields: Record<string, string>) =>
  visitor.ask(path, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(fields).toString(),
  })
