/**
 * npm run faults: the server is killed at 200 random moments of uploads, rotations, erasures and backups. Nothing that was acknowledged may be lost,
 * nothing may be left clear. `npm run faults -- 10 uploads` kills ten times, of the kinds whose name holds the word. Ends with 1 when something was
 * wrong. `tests/faults/killed-at-random.test.ts` is its short form.
 */
import { KINDS } from './faults/kills/kinds.ts'
import { makeTemplate, removeTemplate } from './support/template.ts'

const KILLS: Record<string, number> = { uploads: 80, rotations: 40, erasures: 60, backups: 20 }
const [first = '', ...others] = process.argv.slice(2)
const isNumber = /^\d+$/.test(first)
const words = isNumber ? others : process.argv.slice(2)
const kinds = Object.entries(KINDS).filter(([name]) => words.length === 0 || words.some((word) => name.includes(word)))

process.env['TEST_TEMPLATE'] = await makeTemplate()
try {
  for (const [name, kill] of kinds) {
    const rounds = isNumber ? Number(first) : KILLS[name]!
    const begun = Date.now()
    const seen = await kill(rounds)
    const seconds = ((Date.now() - begun) / 1000).toFixed(0)
    process.stdout.write(`${name.padEnd(10)} killed ${rounds} times, ${seconds.padStart(5)} s: ${seen}\n`)
  }
} catch (error) {
  process.stderr.write(`${(error as Error).stack}\n`)
  process.exitCode = 1
} finally {
  removeTemplate(process.env['TEST_TEMPLATE'])
}
