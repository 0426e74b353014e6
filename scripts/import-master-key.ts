/**
 * npm run import-master-key -- FILE [--passphrase-file FILE]: puts the master key back from its copy, where the settings say that it rests. No
 * database is needed; what is there already stays.
 */
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { config } from '../server/config.ts'
import { importMasterKey } from '../server/upkeep/export-master-key.ts'
import { readKeyCopy } from '../server/upkeep/key-copy.ts'
import { keyProvider } from '../server/vault/key-provider.ts'
import { askPassphrase } from './ask-passphrase.ts'

const say = (line: string) => process.stdout.write(`${line}\n`)

try {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { 'passphrase-file': { type: 'string' } },
  })
  const [file, ...more] = positionals
  if (!file || more.length > 0) throw new Error('Say which copy: npm run import-master-key -- FILE')
  const text = await readFile(file, 'utf8').catch(({ code }: NodeJS.ErrnoException) => {
    throw new Error(`The copy cannot be read (${code}): ${file}`)
  })
  // Before anybody types a passphrase: a mistyped line is named.
  readKeyCopy(text)
  const passphrase = await askPassphrase('the copy', values['passphrase-file'])
  const provider = keyProvider(config().masterKey)
  const versions = await importMasterKey(provider, text, passphrase)
  say(
    versions.length > 0
      ? `Version ${versions.join(', ')} of the master key is back: ${provider.place}.`
      : `Every version of the copy is there already: ${provider.place}. Nothing was changed.`,
  )
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 1
}
