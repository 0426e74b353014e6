/**
 * npm run rotation [-- WRAPS KILLS]: the long form of tests/upkeep/rotate-master-key.test.ts. So many thread wraps (100,000) are sealed again under
 * reads and new writes, once without a stop and once killed at so many random points (40); every one is opened afterwards.
 */
import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { startTestServer } from '../tests/support/server.ts'
import { makeManyWraps } from '../tests/upkeep/many-wraps.ts'
import { beginScript } from '../tests/upkeep/operate.ts'

const [count = 100_000, kills = 40] = process.argv.slice(2).map(Number)
const say = (line: string) => process.stdout.write(`${line}\n`)
const server = await startTestServer()

try {
  const { keyProvider } = await import('../server/vault/key-provider.ts')
  const { rotateMasterKey } = await import('../server/upkeep/rotate-master-key.ts')
  const wraps = await makeManyWraps(server, count)
  say(`${count} wraps are made.`)

  const meanwhile = wraps.readMeanwhile()
  const began = performance.now()
  const provider = keyProvider({ provider: 'file', path: join(server.dataDir, 'master.key') })
  await rotateMasterKey(provider, { say: () => {}, patience: 60_000, withoutDamaged: false })
  const seconds = (performance.now() - began) / 1000
  const { opened, made } = await meanwhile.stop()
  say(
    `Rotated in ${seconds.toFixed(1)} s, while ${opened} were opened and ${made} made; ${await wraps.checkAll()} open.`,
  )

  const reading = wraps.readMeanwhile()
  let killed = 0
  while (killed < kills) {
    const { child, ended } = beginScript('rotate-master-key', [], { DATA_DIR: server.dataDir })
    await pause(randomInt(400, 6_000))
    if (child.exitCode === null) killed++
    child.kill('SIGKILL')
    await ended
  }
  const { code, said } = await beginScript('rotate-master-key', [], { DATA_DIR: server.dataDir }).ended
  if (code !== 0) throw new Error(said)
  const more = await reading.stop()
  const left = await server.sql('SELECT 1 FROM master_key_rotations WHERE finished_at IS NULL')
  say(
    `Killed ${killed} times, ${more.opened} were opened meanwhile; ${await wraps.checkAll()} open, ${left.length} rotations are unfinished.`,
  )
} finally {
  await server.stop()
}
process.exit(0)
