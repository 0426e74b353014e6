/**
 * npm run failing-log: 5,000 reads of everything private while the access log fails at random; no private byte leaves without its event. `npm run
 * failing-log -- 500 42` reads so many with this seed. Ends with 1 when something left. `tests/audit/failing-log.test.ts` is its short form.
 */
import { readWithFailingLog } from './audit/read-with-failing-log.ts'
import { seeded } from './support/seeded.ts'
import { makeTemplate, removeTemplate } from './support/template.ts'

const [count = 5000, seed = Date.now() % 2 ** 31] = process.argv.slice(2).map(Number)
const say = (line: string) => process.stdout.write(`${line}\n`)

say(`${count} reads, seed ${seed}`)
const begun = Date.now()
process.env['TEST_TEMPLATE'] = await makeTemplate()
try {
  const { shown, refused, failures } = await readWithFailingLog(count, seeded(seed), (read) => say(`… ${read}`))
  say(`${shown} showed something, each with its event; ${refused} showed nothing, because the log failed`)
  for (const [kind, times] of Object.entries(failures)) say(`${String(times).padStart(8)}  ${kind}`)
  say(`in ${((Date.now() - begun) / 1000).toFixed(0)} s`)
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 1
} finally {
  removeTemplate(process.env['TEST_TEMPLATE'])
}
