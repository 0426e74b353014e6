/**
 * npm run export-master-key -- FILE [--passphrase-file FILE]: a copy of the master key for the safe, sealed under a passphrase, for which it asks
 * where no file has it.
 */
import { parseArgs } from 'node:util'
import { config } from '../server/config.ts'
import { openStores } from '../server/start.ts'
import { exportMasterKey, refusePlace } from '../server/upkeep/export-master-key.ts'
import { keyProvider } from '../server/vault/key-provider.ts'
import { askNewPassphrase } from './ask-passphrase.ts'

const say = (line: string) => process.stdout.write(`${line}\n`)
const stops: (() => Promise<void> | void)[] = []

try {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { 'passphrase-file': { type: 'string' } },
  })
  const [file, ...more] = positionals
  if (!file || more.length > 0) throw new Error('Say where to: npm run export-master-key -- FILE')
  refusePlace(file)
  const passphrase = await askNewPassphrase('the copy', values['passphrase-file'])
  await openStores(say, stops)
  const versions = await exportMasterKey(keyProvider(config().masterKey), file, passphrase)
  say(`${file} holds version ${versions.join(', ')} of the master key, and was opened once to try it.`)
  say('Print it, lay the paper into a safe, keep the passphrase in another place, and remove the file.')
  say('Without this copy, whoever loses the master key loses the mail. After every change of the key make a new one.')
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 1
} finally {
  for (const stop of stops.reverse()) await stop()
}
