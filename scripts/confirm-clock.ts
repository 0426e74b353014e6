/**
 * npm run confirm-clock: says that the clock of this machine is right, after nothing ran for more than a week or the clock was moved. From then on
 * what is old is deleted again.
 */
import { system } from '../server/audit/actor.ts'
import { whatDiffersFromDatabase } from '../server/audit/clock.ts'
import { findNewestEvent } from '../server/audit/ledger-state.store.ts'
import { markLedger } from '../server/audit/ledger.ts'
import { record } from '../server/audit/record.ts'
import { openStores } from '../server/start.ts'

const say = (line: string) => process.stdout.write(`${line}\n`)
const stops: (() => Promise<void> | void)[] = []

try {
  await openStores(say, stops)
  const now = new Date()
  const differs = await whatDiffersFromDatabase(now)
  if (differs) throw new Error(`Put the clocks right first: ${differs}. Nothing was changed.`)
  await record(system, { act: 'clock.confirmed' }, undefined, now)
  await markLedger((await findNewestEvent())?.id ?? null, now)
  say(`The clock is taken for right: it is ${now.toISOString()}.`)
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 1
} finally {
  for (const stop of stops.reverse()) await stop()
}
