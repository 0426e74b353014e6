/**
 * npm run export-messages -- FOLDER [--passphrase-file FILE] [--share FILE …], or FOLDER --without-keys: every message and file, sealed, into a new
 * folder, with their keys sealed under a passphrase, for which it asks where no file has it. Beside a running server or without one.
 */
import { parseArgs } from 'node:util'
import { openStores } from '../server/start.ts'
import { exportMessages, type Exported } from '../server/upkeep/export-messages.ts'
import { askNewPassphrase } from './ask-passphrase.ts'

const say = (line: string) => process.stdout.write(`${line}\n`)
const stops: (() => Promise<void> | void)[] = []

try {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      'passphrase-file': { type: 'string' },
      share: { type: 'string', multiple: true },
      'without-keys': { type: 'boolean' },
    },
  })
  const [folder, ...more] = positionals
  if (!folder || more.length > 0) throw new Error('Say where to: npm run export-messages -- FOLDER')
  const { share: shareFiles = [], 'passphrase-file': passphraseFile, 'without-keys': withoutKeys } = values
  if (withoutKeys && (passphraseFile !== undefined || shareFiles.length > 0))
    throw new Error('--without-keys takes neither a passphrase nor shares: leave out one of them.')
  const withKeys = withoutKeys
    ? undefined
    : { passphrase: await askNewPassphrase('the export', passphraseFile), shareFiles }
  await openStores(say, stops)
  const { threads, messages, files, missing, closed } = await exportMessages(
    folder,
    withKeys,
    everyTenSeconds(sayProgress),
  )
  say(`${folder} is whole: ${messages} messages in ${threads} conversations, with ${files} files.`)
  say(
    withKeys
      ? 'It opens with the passphrase and decrypt-message.mjs, without Letterlock and without the master key. Keep the passphrase elsewhere.'
      : 'There is no key in it: it opens with the private half of a mailbox or with the recovery key.',
  )
  if (shareFiles.length > 0) say('Remove the share files from this machine now, and give each back to its keeper.')
  if (missing.length > 0) say(`Not in the store of files although a message has them: ${missing.join(', ')}.`)
  if (closed.length > 0) say(`Messages whose key did not open: ${closed.join(', ')}.`)
  if (missing.length + closed.length > 0) process.exitCode = 2
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 1
} finally {
  for (const stop of stops.reverse()) await stop()
}

function everyTenSeconds(tell: (exported: Exported) => void): (exported: Exported) => void {
  let last = Date.now()
  return (exported) => {
    if (Date.now() - last < 10_000) return
    last = Date.now()
    tell(exported)
  }
}

function sayProgress({ threads, messages, files, bytes }: Exported) {
  say(`… ${threads} conversations, ${messages} messages, ${files} files, ${(bytes / 1e6).toFixed(1)} MB`)
}
