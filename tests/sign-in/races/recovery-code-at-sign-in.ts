/** A recovery code, typed fifty times at once over two processes by two browsers that know the password: one session, and the code is gone. */
import assert from 'node:assert/strict'
import type { Person } from '../../support/cast.ts'
import { onAnother, type TwoProcesses } from '../../support/second-process.ts'
import type { TestServer } from '../../support/server.ts'
import { letCodesCountAgain, signedIn, Visitor } from '../../support/visitor.ts'
import { enrol, writeTo } from '../../enrolment/newcomer.ts'
import { postForm } from './post-form.ts'

export async function raceRecoveryCodeAtSignIn(rounds: number, { server, second }: TwoProcesses): Promise<void> {
  let holder: Holder | undefined
  for (let round = 0; round < rounds; round++) {
    if (!holder?.recoveryCodes.length) holder = await newHolder(server, `codes.${round}@mail.example`)
    await recoveryCodeRound(server, second, holder)
  }
}

/** Somebody and the recovery codes that they have not used. */
export interface Holder {
  person: Person
  recoveryCodes: string[]
}

export async function newHolder(server: TestServer, email: string): Promise<Holder> {
  const { link } = await writeTo(server, await signedIn(server, server.cast.dana), email)
  return enrol(server, link, email, 'three random words 7')
}

export async function recoveryCodeRound(server: TestServer, second: { port: number }, holder: Holder): Promise<void> {
  const { email, password } = holder.person
  const code = holder.recoveryCodes.pop()!
  await letCodesCountAgain(server)
  await server.sql('DELETE FROM sessions')
  const waiting = await Promise.all([0, 1].map(atTheCode))
  // So that all fifty meet: as if they had hours of tries. One wrong try makes the rows that are changed.
  for (const { visitor, token } of waiting)
    await postForm(visitor, PAGE, { _csrf: token, code: '00000-00000-00000-0000Z' })
  await server.sql('UPDATE rate_limits SET points = -1000')
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, index) => {
      const { visitor, token } = waiting[index % 2]!
      return postForm(onAnother(index % 4 < 2 ? server : second, visitor), PAGE, { _csrf: token, code })
    }),
  )
  assert.equal(answers.filter(({ location }) => location.startsWith('/account/recovery-code-used')).length, 1)
  assert.deepEqual(
    answers.filter(({ status }) => ![303, 422, 403].includes(status)).map(({ status }) => status),
    [],
  )
  assert.equal((await server.sql(`SELECT 1 FROM sessions WHERE sess->>'stage' = 'signed-in'`)).length, 1)
  await letCodesCountAgain(server)
  const { visitor, token } = await atTheCode()
  assert.equal((await postForm(visitor, PAGE, { _csrf: token, code })).status, 422, 'and never again')

  async function atTheCode() {
    const visitor = new Visitor(server)
    const { location } = await visitor.submit('/sign-in', '/sign-in', { email, password })
    assert.equal(location, '/sign-in/code')
    return { visitor, token: await visitor.tokenOn(PAGE) }
  }
}

const PAGE = '/sign-in/recovery-code'
