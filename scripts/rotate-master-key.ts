/**
 * npm run rotate-master-key [-- --without-damaged] [-- --patience SECONDS]: a new version of the master key in the place of the one that is there, and
 * the end of that one. Beside running servers or without one; killed anywhere, it goes on when it is asked again.
 */
import { parseArgs } from 'node:util'
import { config } from '../server/config.ts'
import { openStores } from '../server/start.ts'
import { rotateMasterKey } from '../server/upkeep/rotate-master-key.ts'
import { keyProvider } from '../server/vault/key-provider.ts'

const say = (line: string) => process.stdout.write(`${line}\n`)
const stops: (() => Promise<void> | void)[] = []

try {
  const { values } = parseArgs({
    options: {
      'without-damaged': { type: 'boolean', default: false },
      patience: { type: 'string', default: '60' },
    },
  })
  const seconds = Number(values.patience)
  if (!Number.isInteger(seconds) || seconds < 1) throw new Error('--patience is a number of seconds.')
  await openStores(say, stops)
  const rotating = { say, patience: seconds * 1000, withoutDamaged: values['without-damaged'] }
  const version = await rotateMasterKey(keyProvider(config().masterKey), rotating)
  say(`Everything is under version ${version} of the master key.`)
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 1
} finally {
  for (const stop of stops.reverse()) await stop()
}
