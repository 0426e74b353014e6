/**
 * npm run log-tampering: a superuser of the database changes, deletes, inserts, reorders, cuts, forks and rolls back the log at random, 10,000 times; the
 * offline verifier has to find each, against a checkpoint that left earlier. `npm run log-tampering -- 500 42` tries so many with this seed. Ends with 1
 * when one was not found. `tests/audit/tampering-of-log.test.ts` is its short form.
 */
import { tamperWithLog } from './audit/tamper.ts'
import { seeded } from './support/seeded.ts'
import { makeTemplate, removeTemplate } from './support/template.ts'

const [tries = 10_000, seed = Date.now() % 2 ** 31] = process.argv.slice(2).map(Number)
const say = (line: string) => process.stdout.write(`${line}\n`)

say(`${tries} tries, seed ${seed}`)
const begun = Date.now()
process.env['TEST_TEMPLATE'] = await makeTemplate()
try {
  const seen = await tamperWithLog(tries, seeded(seed), (tried) => {
    if (tried % 500 === 0) say(`… ${tried} found`)
  })
  for (const [kind, count] of seen) say(`${String(count).padStart(8)}  ${kind}`)
  say(`${tries} of ${tries} found, in ${((Date.now() - begun) / 1000).toFixed(0)} s`)
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 1
} finally {
  removeTemplate(process.env['TEST_TEMPLATE'])
}
