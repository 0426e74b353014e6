/** A disk that says that it could not keep what was written: PostgreSQL ends itself rather than believe it, and we acknowledge nothing. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { findServer } from '../../server/database/embedded-server.ts'
import { replyFields, writeTo } from '../support/letters.ts'
import { copyTemplate } from '../support/template.ts'
import { until } from '../support/until.ts'
import { signedIn } from '../support/visitor.ts'
import { startOn, type ChildServer } from './child-server.ts'

const cannotFail = spawnSync('strace', ['--version']).error ? 'strace is not installed' : false
let server: ChildServer

before(async () => {
  if (cannotFail) return
  const dataDir = await copyTemplate()
  // The tests' databases flush nothing; this one does.
  const settings = join(dataDir, 'postgres/postgresql.auto.conf')
  writeFileSync(settings, readFileSync(settings, 'utf8').replace('fsync = off', 'fsync = on'))
  server = await startOn(dataDir)
})
after(() => server?.stop())

test('140. EIO on fsync -> PG panics and recovers; app never acknowledges', { skip: cannotFail }, async () => {
  const dana = await signedIn(server, server.cast.dana)
  const kept = await writeTo(dana, { to: server.cast.maria.email, body: 'Kept before' })
  const fields = { ...(await replyFields(dana, kept)), body: 'Never acknowledged', action: 'send' }
  const token = await dana.tokenOn(`/messages/${kept}`)
  const failing = await failFlushes()
  // Written by hand: asking for a page first would meet the failing flush already.
  const parts = Object.entries({ _csrf: token, ...fields }).map(
    ([name, value]) => `--x\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  )
  const headers = { origin: server.baseUrl, 'content-type': 'multipart/form-data; boundary=x' }
  const answer = await dana
    .ask(`/messages/${kept}/replies`, { method: 'POST', headers, body: `${parts.join('')}--x--\r\n` })
    .catch(() => undefined)
  assert.ok(!answer || answer.status >= 500, `it was answered: ${answer?.status} ${answer?.location}`)
  await until(() => /PANIC: .*f(data)?sync/.test(readFileSync(join(server.dataDir, 'postgres.log'), 'utf8')), 'the end')
  failing.kill('SIGTERM')
  await once(failing, 'exit')
  await until(async () => (await dana.ask(`/messages/${kept}`)).status === 200, 'it is back')
  const page = await dana.ask(`/messages/${kept}`)
  assert.match(page.body, /Kept before/)
  assert.ok(page.body.split('Never acknowledged').length <= 3, 'kept once, or not at all')
  await writeTo(dana, { to: server.cast.maria.email, body: 'And it goes on' })
})

/** From here on every flush of PostgreSQL fails. */
async function failFlushes() {
  const postmaster = findServer(join(server.dataDir, 'postgres'))!.pid
  const pids = [postmaster, ...childrenOf(postmaster)].flatMap((pid) => ['-p', String(pid)])
  const inject = ['fsync', 'fdatasync'].flatMap((call) => ['-e', `inject=${call}:error=EIO`])
  const child = spawn('strace', ['-f', '-o', '/dev/null', '-e', 'trace=fsync,fdatasync', ...inject, ...pids], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  await until(() => said.split('attached').length > pids.length / 2, 'it is watched')
  return child
}

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task/${pid}`).includes('children')
    ? readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(/\s+/).filter(Boolean).map(Number)
    : []
}
