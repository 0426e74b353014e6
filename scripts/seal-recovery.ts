/**
 * npm run seal-recovery -- --shares 5 --needed 3 --to FOLDER [--yes]: splits the recovery key into share files, takes it off the server, and destroys the
 * version of the master key that it was sealed under, so that nobody who runs it can read stored messages. Beside a running server or without one; asked again, it goes on where it was stopped.
 */
import { createInterface } from 'node:readline/promises'
import { parseArgs } from 'node:util'
import { config } from '../server/config.ts'
import { openStores } from '../server/start.ts'
import { sealRecovery } from '../server/upkeep/seal-recovery.ts'
import { keyProvider } from '../server/vault/key-provider.ts'

const say = (line: string) => process.stdout.write(`${line}\n`)
const stops: (() => Promise<void> | void)[] = []

try {
  const text = { type: 'string' } as const
  const { values } = parseArgs({ options: { shares: text, needed: text, to: text, yes: { type: 'boolean' } } })
  await openStores(say, stops)
  const { shares, needed, to = '' } = values
  const sealing = { shares: Number(shares), needed: Number(needed), folder: to }
  const confirm = () => (values.yes ? Promise.resolve(true) : askForWord())
  const taken = await sealRecovery(sealing, keyProvider(config().masterKey), say, confirm)
  say(
    taken
      ? 'The recovery key is off the server, and so is the version of the master key that it was sealed under. Make a backup now.'
      : 'The recovery key is not on the server any more.',
  )
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 1
} finally {
  for (const stop of stops.reverse()) await stop()
}

async function askForWord(): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new Error('Nobody is there to be asked. Add --yes when you are sure. Nothing was changed.')
  const asking = createInterface({ input: process.stdin, output: process.stdout })
  const word = await asking.question('Type the word seal to go on: ')
  asking.close()
  return word.trim().toLowerCase() === 'seal'
}
