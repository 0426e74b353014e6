/**
 * npm run access-log [-- EVENTS A_SECOND SECONDS]: a running server records so many events a second (1,000) for so long (20 s), while somebody looks how
 * old the oldest event is that has no place in the log's tree yet; beside it, how many a second the same inserts make without anything that looks on. Then the
 * offline verifier checks so many events (1,000,000) on one core, beside plain SHA-256 over the same bytes in memory. Ends with 1 when a goal is missed.
 */
import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { startTestServer, type TestServer } from '../tests/support/server.ts'

const [events = 1_000_000, aSecond = 1_000, seconds = 20] = process.argv.slice(2).map(Number)
const say = (line: string) => process.stdout.write(`${line}\n`)
const load = () => `load ${loadavg()[0]!.toFixed(1)}`
/** As many at once as a busy server records: each by itself, as pages do. */
const AT_ONCE = 8
const server = await startTestServer()
const folder = mkdtempSync(join(tmpdir(), 'letterlock-log-'))

try {
  const most = await recordFor(4_000, Infinity)
  say(`as many as go, ${AT_ONCE} at once: ${most.perSecond.toFixed(0)} events a second (${load()})`)
  await untilNothingWaits(server)
  const lags = watchLag(server)
  const steady = await recordFor(seconds * 1000, aSecond)
  const seen = (await lags.stop()).sort((a, b) => a - b)
  const at = (part: number) => ((seen[Math.floor((seen.length - 1) * part)] ?? 0) / 1000).toFixed(2)
  say(
    `${steady.perSecond.toFixed(0)} events a second for ${seconds} s: the oldest that waits is ${at(0.5)} s old in the middle, ${at(0.99)} s at the 99th percentile, ${at(1)} s at most (${load()})`,
  )
  const { verifier, hashing, size } = await verify(events)
  say(
    `${events} events (${(size / 1e6).toFixed(0)} MB) checked offline in ${verifier.toFixed(1)} s; plain SHA-256 of the same leaves and nodes ${hashing.toFixed(1)} s, ratio ${(hashing / verifier).toFixed(2)} (${load()})`,
  )
  const goals: [string, boolean][] = [
    [`${aSecond} events a second are recorded`, steady.perSecond >= aSecond * 0.98],
    ['none waits for its place for 2 s', (seen.at(-1) ?? 0) < 2000],
    ['a million events are checked in 60 s', (verifier * 1_000_000) / events < 60],
  ]
  for (const [goal, reached] of goals) say(`${reached ? 'reached' : 'MISSED '}  ${goal}`)
  process.exitCode = goals.every(([, reached]) => reached) ? 0 : 1
} finally {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
}

/** @param aSecond no more than that */
async function recordFor(milliseconds: number, aSecond: number): Promise<{ perSecond: number }> {
  const { record } = await import('../server/audit/record.ts')
  const { system } = await import('../server/audit/actor.ts')
  const begun = performance.now()
  let count = 0
  const recordOn = async () => {
    for (let now; (now = performance.now()) < begun + milliseconds;) {
      const due = begun + (count / aSecond) * 1000
      if (due > now) await pause(due - now)
      count++
      await record({ ...system, address: '192.0.2.7' }, { act: 'people.listed' })
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, recordOn))
  return { perSecond: count / ((performance.now() - begun) / 1000) }
}

/** Milliseconds, every tenth of a second. */
function watchLag({ sql }: TestServer): { stop(): Promise<number[]> } {
  const seen: number[] = []
  let ending = false
  const ended = (async () => {
    while (!ending) {
      const [row] = await sql<{ lag: number | null }>(
        'SELECT extract(epoch FROM clock_timestamp() - min(event_at))::float8 * 1000 AS lag FROM waiting_events',
      )
      seen.push(Math.max(0, row?.lag ?? 0))
      await pause(100)
    }
  })()
  return {
    async stop() {
      ending = true
      await ended
      return seen
    },
  }
}

async function untilNothingWaits({ sql }: TestServer) {
  while ((await sql('SELECT FROM waiting_events LIMIT 1')).length > 0) await pause(100)
}

/** An export as the server writes it, of events that nobody recorded, signed with the server's key. */
async function verify(count: number): Promise<{ verifier: number; hashing: number; size: number }> {
  const { EMPTY_TREE, extend, leafHash, nodeHash, rootOf } = await import('../server/audit/merkle-tree.ts')
  const { logKeyName, logVerifier } = await import('../server/audit/sign-checkpoint.ts')
  const { signNote } = await import('../server/vault/log-key.ts')
  const { newId } = await import('../server/lib/ids.ts')
  const file = join(folder, 'log.ndjson')
  const name = await logKeyName()
  const out = createWriteStream(file)
  out.write(`${JSON.stringify({ format: 'letterlock-log-1', log: name, size: count })}\n`)
  const bytes: Buffer[] = []
  let tree = EMPTY_TREE
  for (let leaf = 0; leaf < count; leaf += 1000) {
    const batch = Array.from({ length: Math.min(1000, count - leaf) }, eventOf)
    const leaves = batch.map((event) => Buffer.from(JSON.stringify(event)))
    const hashes = leaves.map((each) => leafHash(each))
    tree = extend(tree, hashes)
    bytes.push(...leaves)
    const lines = batch.map((event, at) =>
      JSON.stringify({ leaf: leaf + at, hash: hashes[at]!.toString('base64'), event, details: event[12] }),
    )
    if (!out.write(`${lines.join('\n')}\n`)) await once(out, 'drain')
  }
  out.end()
  await finished(out)
  writeFileSync(`${file}.checkpoints`, signNote(name, `${name}/1\n${count}\n${rootOf(tree).toString('base64')}\n`))
  writeFileSync(`${file}.vkey`, await logVerifier())
  const begunHashing = performance.now()
  const one = nodeHash(Buffer.alloc(32), Buffer.alloc(32))
  // A tree has as many nodes as leaves, but one.
  for (const each of bytes) {
    createHash('sha256').update(each).digest()
    nodeHash(one, one)
  }
  const hashing = (performance.now() - begunHashing) / 1000
  bytes.length = 0
  const begun = performance.now()
  const found = spawnSync(process.execPath, ['scripts/verify-log.mjs', file], { encoding: 'utf8' })
  const verifier = (performance.now() - begun) / 1000
  if (found.status !== 0) throw new Error(`The verifier refused it: ${found.stderr}`)
  return { verifier, hashing, size: statSync(file).size }

  function eventOf() {
    const at = new Date().toISOString().replace('Z', '000Z')
    const digest = randomBytes(32).toString('base64')
    const who = ['account', newId(), 'provider', 'password+code']
    return [
      'letterlock-event-1',
      newId(),
      at,
      ...who,
      'message.opened',
      'message',
      newId(),
      'done',
      newId(),
      digest,
      digest,
    ]
  }
}
