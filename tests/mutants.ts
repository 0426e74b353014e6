/**
 * npm run mutants: 100,000 random mutants of everything that is sealed; each has to be refused. `npm run mutants -- 5000 42` tries so many with this
 * seed. Ends with 1 when one was not refused. `tests/vault/mutants.test.ts` is its short form.
 */
import { seeded } from './support/seeded.ts'
import { tryMutants } from './vault/mutate.ts'

const [count = 100_000, seed = Date.now() % 2 ** 31] = process.argv.slice(2).map(Number)
const say = (line: string) => process.stdout.write(`${line}\n`)

say(`${count} mutants, seed ${seed}`)
const begun = Date.now()
const { survivors, tried } = await tryMutants(count, seeded(seed))
for (const [label, number] of tried) say(`${String(number).padStart(8)}  ${label}`)
for (const { what, how, result } of survivors.slice(0, 50)) say(`NOT REFUSED: ${what}, ${how}: ${result}`)
const megabytes = Math.round(process.resourceUsage().maxRSS / 1024)
say(
  `${count - survivors.length} of ${count} refused, in ${((Date.now() - begun) / 1000).toFixed(0)} s, ${megabytes} MB at most`,
)
process.exitCode = survivors.length === 0 ? 0 : 1
