/** What breaks inside is told with a number and nothing else, and the process lives. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import type { NextFunction, Request, Response } from 'express'
import { fileURLToPath } from 'node:url'
import { startTestServer, type TestServer } from '../support/server.ts'
import { bareEnvironment } from '../support/template.ts'
import { Visitor } from '../support/visitor.ts'

let server: TestServer
before(async () => {
  // The routes are one router of the process, so that a test can put worse ones before those of the product.
  server = await startTestServer()
  const { router } = await import('../../server/groups.ts')
  const SECRET = 'secret-of-an-error'
  const worse = {
    throws: () => {
      throw new Error(SECRET)
    },
    'throws-a-string': () => {
      throw SECRET
    },
    'throws-nothing': () => {
      throw undefined
    },
    'throws-null-in-a-promise': () => Promise.reject(null),
    rejects: () => Promise.reject(Object.assign(new Error(SECRET), { status: 200, code: SECRET, detail: SECRET })),
    'claims-a-status': () => Promise.reject(Object.assign(new Error(SECRET), { status: 700 })),
    'breaks-the-error-page': (request: Request) => {
      request.csrfToken = () => {
        throw new Error(SECRET)
      }
      throw new Error(SECRET)
    },
    'begins-an-answer': (_request: Request, response: Response) => {
      response.status(200).write('half of an answer')
      throw new Error(SECRET)
    },
  }
  for (const [name, page] of Object.entries(worse))
    router.get(`/worse/${name}`, page as (request: Request, response: Response, next: NextFunction) => void)
})
after(() => server.stop())

describe('169. Unhandled rejection, thrown string, error in error handler -> 500 page with id, process lives', () => {
  for (const name of ['throws', 'throws-a-string', 'throws-null-in-a-promise', 'rejects', 'claims-a-status'])
    test(name, async () => {
      const answer = await new Visitor(server).ask(`/worse/${name}`)
      assert.equal(answer.status, 500)
      assert.match(answer.headers['content-type']!, /html/)
      assert.ok(answer.body.includes(`<code>${String(answer.headers['x-request-id'])}</code>`), 'the id')
      assert.doesNotMatch(answer.body, /secret-of-an-error|\.js:\d|node_modules|Express/)
      assert.match(String(answer.headers['content-security-policy']), /default-src 'none'|default-src 'self'/)
    })

  test('breaks-the-error-page: a plain answer with the id', async () => {
    const answer = await new Visitor(server).ask('/worse/breaks-the-error-page')
    assert.equal(answer.status, 500)
    assert.match(answer.headers['content-type']!, /^text\/plain/)
    assert.match(answer.body, /Reference: \S{6,}/)
    assert.doesNotMatch(answer.body, /secret-of-an-error|\.js/)
  })

  test('begins-an-answer: the connection breaks, what was begun does not look whole', async () => {
    await assert.rejects(new Visitor(server).ask('/worse/begins-an-answer'))
  })

  test('afterwards everything still answers', async () => {
    assert.equal((await new Visitor(server).ask('/health/ready')).status, 200)
    assert.equal((await new Visitor(server).ask('/sign-in')).status, 200)
  })

  test('a promise that nobody waits for does not end the program', async () => {
    const main = fileURLToPath(new URL('../../server/main.js', import.meta.url))
    // main.ts sets its listener before anything else; settings that cannot be read stop it after that.
    const script = `setTimeout(() => Promise.reject(new Error('secret-of-an-error')), 300); setTimeout(() => { process.stdout.write('lives'); process.exit(0) }, 500); process.exit = ((exit) => (code) => code ? undefined : exit(code))(process.exit); await import(${JSON.stringify(main)})`
    const env = { ...bareEnvironment(), PORT: 'none' }
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()))
    const [code] = (await once(child, 'close')) as [number]
    assert.equal(code, 0, said)
    assert.match(said, /lives/)
    assert.doesNotMatch(said, /secret-of-an-error/)
  })
})
