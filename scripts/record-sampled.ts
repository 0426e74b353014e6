/** Run by `npm run restore-drill`, joined to the installation of the settings: records that these messages of a backup are being tried. */
import { openStores } from '../server/start.ts'
import { recordSampled } from '../server/upkeep/sample-messages.ts'

const stops: (() => Promise<void> | void)[] = []

try {
  await openStores(() => {}, stops)
  await recordSampled(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 1
} finally {
  for (const stop of stops.reverse()) await stop()
}
