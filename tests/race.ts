/**
 * npm run races: whatever is good once, asked for fifty times at once over two processes, round after round. Each file of sign-in/races that
 * exports `race…(rounds)` runs in a process of its own. Ends with 1 when any round had not exactly one winner.
 * `npm run races -- 20 enrolment` makes 20 rounds, of the files whose name holds the word.
 */
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { startTwoProcesses, type TwoProcesses } from './support/second-process.ts'
import { makeTemplate, removeTemplate } from './support/template.ts'

const FOLDER = fileURLToPath(new URL('./sign-in/races/', import.meta.url))
const ROUNDS = 200
type Race = (rounds: number, where: TwoProcesses) => Promise<void>

const [first = '', ...others] = process.argv.slice(2)
if (first === '--one') await runOne(others[0]!, others[1]!, Number(others[2]))
else
  process.exitCode = await runAll(
    /^\d+$/.test(first) ? Number(first) : ROUNDS,
    process.argv.slice(2).filter((word) => !/^\d+$/.test(word)),
  )

async function runAll(rounds: number, words: string[]): Promise<number> {
  const races: { file: string; name: string }[] = []
  for (const file of readdirSync(FOLDER).filter((each) => each.endsWith('.js')))
    if (words.length === 0 || words.some((word) => file.includes(word)))
      for (const name of Object.keys(await racesIn(file))) races.push({ file, name })
  if (races.length === 0) {
    process.stderr.write(`No race has ${words.join(' or ')} in its name.\n`)
    return 1
  }
  const template = await makeTemplate()
  let failed = 0
  try {
    for (const { file, name } of races) {
      const begun = Date.now()
      const wrong = await inItsOwnProcess(['--one', file, name, String(rounds)], template)
      const took = `${((Date.now() - begun) / 1000).toFixed(0)} s`
      if (wrong) failed += 1
      const result = wrong ? `NOT one winner in every round\n${wrong}` : `${rounds} winners`
      process.stdout.write(`${name.padEnd(24)} ${rounds} rounds of 50, ${took.padStart(6)}: ${result}\n`)
    }
  } finally {
    removeTemplate(template)
  }
  return failed === 0 ? 0 : 1
}

async function racesIn(file: string): Promise<Record<string, Race>> {
  const all = (await import(pathToFileURL(join(FOLDER, file)).href)) as Record<string, unknown>
  return Object.fromEntries(Object.entries(all).filter(([name]) => /^race[A-Z]/.test(name))) as Record<string, Race>
}

async function runOne(file: string, name: string, rounds: number) {
  const races = await racesIn(file)
  const { server, second } = await startTwoProcesses()
  try {
    await races[name]!(rounds, { server, second })
  } finally {
    await second.stop()
    await server.stop()
  }
  process.exit(0)
}

/** @returns what it complained of, or nothing when it ended well */
function inItsOwnProcess(args: string[], template: string): Promise<string | undefined> {
  const env = { ...process.env, TEST_TEMPLATE: template, LOG_LEVEL: 'error' }
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), ...args], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let told = ''
  child.stderr.on('data', (chunk: Buffer) => (told += chunk.toString()))
  return new Promise((done) =>
    child.on('close', (code) => done(code === 0 ? undefined : told.trim() || `it ended with ${code}`)),
  )
}
