/**
 * npm run rotation [-- WRAPS KILLS ROUNDS]: the long form of tests/upkeep/rotate-master-key.test.ts. So many thread wraps (100,000) are sealed again
 * under reads and new writes, so many times without a stop (3) and then killed at so many random points (20); every one is opened afterwards. Reads
 * while a rotation runs stand beside reads before and after it.
 */
import { randomInt } from 'node:crypto'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { startTestServer } from '../tests/support/server.ts'
import { makeManyWraps } from '../tests/upkeep/many-wraps.ts'
import { beginScript } from '../tests/upkeep/operate.ts'

const [count = 100_000, kills = 20, rounds = 3] = process.argv.slice(2).map(Number)
const say = (line: string) => process.stdout.write(`${line}\n`)
const load = () => `load ${loadavg()[0]!.toFixed(1)}`
const server = await startTestServer()

try {
  const { keyProvider } = await import('../server/vault/key-provider.ts')
  const { rotateMasterKey } = await import('../server/upkeep/rotate-master-key.ts')
  const provider = keyProvider({ provider: 'file', path: join(server.dataDir, 'master.key') })
  const wraps = await makeManyWraps(server, count)
  say(`${count} wraps are made (${load()}).`)

  const readsDuring = async (work: () => Promise<unknown>) => {
    const meanwhile = wraps.readMeanwhile()
    const began = performance.now()
    await work()
    const seconds = (performance.now() - began) / 1000
    const { opened, made } = await meanwhile.stop()
    return { seconds, opened, made, perSecond: opened / seconds }
  }
  const calm = () => readsDuring(() => pause(15_000))
  const ratios: number[] = []
  let before = await calm()
  for (let round = 0; round < rounds; round++) {
    const rotation = await readsDuring(() =>
      rotateMasterKey(provider, { say: () => {}, patience: 60_000, withoutDamaged: false }),
    )
    const after = await calm()
    const ratio = rotation.perSecond / ((before.perSecond + after.perSecond) / 2)
    const figures = [before, rotation, after].map(({ perSecond }) => perSecond.toFixed(0)).join(', ')
    say(
      `Rotated in ${rotation.seconds.toFixed(1)} s, while ${rotation.opened} were opened and ${rotation.made} made (${load()}). Reads a second before, meanwhile, after: ${figures}; ${ratio.toFixed(2)}.`,
    )
    ratios.push(ratio)
    before = after
  }
  const median = ratios.sort((a, b) => a - b)[Math.floor(ratios.length / 2)]
  say(`${await wraps.checkAll()} open. Reads meanwhile, median: ${median?.toFixed(2)} of those without a rotation.`)

  let killed = 0
  const killing = await readsDuring(async () => {
    while (killed < kills) {
      const { child, ended } = beginScript('rotate-master-key', [], { DATA_DIR: server.dataDir })
      await pause(randomInt(400, 6_000))
      if (child.exitCode === null) killed++
      child.kill('SIGKILL')
      await ended
    }
    const { code, said } = await beginScript('rotate-master-key', [], { DATA_DIR: server.dataDir }).ended
    if (code !== 0) throw new Error(said)
  })
  const left = await server.sql('SELECT 1 FROM master_key_rotations WHERE finished_at IS NULL')
  const rotations = await server.sql('SELECT 1 FROM master_key_rotations')
  say(
    `Killed ${killed} times over ${rotations.length - rounds} rotations, ${killing.opened} were opened meanwhile; ${await wraps.checkAll()} open, ${left.length} rotations are unfinished.`,
  )
} finally {
  await server.stop()
}
process.exit(0)
