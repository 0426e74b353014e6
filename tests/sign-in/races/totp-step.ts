/** The code of one moment, typed fifty times at once over two processes by two browsers that know the password: one session. */
import assert from 'node:assert/strict'
import { codeOf } from '../../support/cast.ts'
import { onAnother, type TwoProcesses } from '../../support/second-process.ts'
import type { TestServer } from '../../support/server.ts'
import { letCodesCountAgain, Visitor } from '../../support/visitor.ts'
import { postForm } from './post-form.ts'

export async function raceTotpStep(rounds: number, { server, second }: TwoProcesses): Promise<void> {
  for (let round = 0; round < rounds; round++) await totpStepRound(server, second)
}

export async function totpStepRound(server: TestServer, second: { port: number }): Promise<void> {
  const { maria } = server.cast
  await letCodesCountAgain(server)
  await server.sql('DELETE FROM sessions')
  const waiting = await Promise.all([0, 1].map(atTheCode))
  // So that all fifty meet: as if they had hours of tries. One wrong try makes the rows that are changed.
  for (const { visitor, token } of waiting) await postForm(visitor, '/sign-in/code', { _csrf: token, code: '000000' })
  await server.sql('UPDATE rate_limits SET points = -1000')
  const code = codeOf(maria)
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, index) => {
      const { visitor, token } = waiting[index % 2]!
      const copy = onAnother(index % 4 < 2 ? server : second, visitor)
      return postForm(copy, '/sign-in/code', { _csrf: token, code })
    }),
  )
  assert.equal(answers.filter(({ location }) => location === '/messages').length, 1)
  assert.deepEqual(
    answers.filter(({ status }) => ![303, 422, 403].includes(status)).map(({ status }) => status),
    [],
  )
  assert.equal((await server.sql(`SELECT 1 FROM sessions WHERE sess->>'stage' = 'signed-in'`)).length, 1)

  async function atTheCode() {
    const visitor = new Visitor(server)
    const { location } = await visitor.submit('/sign-in', '/sign-in', { email: maria.email, password: maria.password })
    assert.equal(location, '/sign-in/code')
    return { visitor, token: await visitor.tokenOn('/sign-in/code') }
  }
}
