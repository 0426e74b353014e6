/** Holds the tables beside it: every number stands there once, and every test that is named is there. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { projectRoot } from '../../server/lib/root.ts'

/** The requirements of levels 1 and 2 of ASVS 5.0.0, of V10 those on a client: by section, the numbers of each level. */
const ASVS: Record<string, { 1: number[]; 2: number[] }> = {
  'V6.1': { 1: [1], 2: [2, 3] },
  'V6.2': { 1: [1, 2, 3, 4, 5, 6, 7, 8], 2: [9, 10, 11, 12] },
  'V6.3': { 1: [1, 2], 2: [3, 4] },
  'V6.4': { 1: [1, 2], 2: [3, 4] },
  'V6.5': { 1: [], 2: [1, 2, 3, 4, 5] },
  'V6.6': { 1: [], 2: [1, 2, 3] },
  'V6.8': { 1: [], 2: [1, 2, 3, 4] },
  'V7.1': { 1: [], 2: [1, 2, 3] },
  'V7.2': { 1: [1, 2, 3, 4], 2: [] },
  'V7.3': { 1: [], 2: [1, 2] },
  'V7.4': { 1: [1, 2], 2: [3, 4, 5] },
  'V7.5': { 1: [], 2: [1, 2] },
  'V7.6': { 1: [], 2: [1, 2] },
  'V10.1': { 1: [], 2: [1, 2] },
  'V10.2': { 1: [], 2: [1, 2] },
  'V10.5': { 1: [], 2: [1, 2, 3, 4, 5] },
}

test('each requirement of ASVS 5.0 on authentication, sessions and sign-on, levels 1 and 2, stands in its table once, with its level', () => {
  const expected = Object.entries(ASVS).flatMap(([section, levels]) =>
    ([1, 2] as const).flatMap((level) => levels[level].map((number) => `${section}.${number} ${level}`)),
  )
  const found = rowsOf('asvs.md').map(([number, level]) => `${number} ${level}`)
  assert.deepEqual(found.toSorted(), expected.toSorted())
})

/** Those on files, keys, faults, backups and erasure: what is built of them. */
const LATER = [
  77, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93, 128, 129, 130, 131, 132, 133, 135, 136, 137, 138, 139, 140,
  141, 142, 143, 144, 145, 146, 147, 148, 149, 150, 151, 152, 153, 154, 155, 156, 157, 158, 159, 177, 180, 181, 184,
  185, 188, 190, 191, 192, 193, 194, 197,
]

test('each item from 1 to 61 of what must fail, and each later one that concerns what is built, stands in its table once', () => {
  assert.deepEqual(
    rowsOf('must-fail.md').map(([number]) => Number(number)),
    [...Array.from({ length: 61 }, (_, at) => at + 1), ...LATER],
  )
})

test('each of the checks 45 to 65 on signing in stands in its table once', () => {
  assert.deepEqual(
    rowsOf('sign-in-checks.md').map(([number]) => Number(number)),
    Array.from({ length: 21 }, (_, at) => at + 45),
  )
})

for (const table of ['asvs.md', 'must-fail.md', 'sign-in-checks.md'])
  test(`${table}: no claim without a test, and each test is in its file`, () => {
    assert.deepEqual(
      rowsOf(table).flatMap((row) => wrongIn(row.at(-1)!).map((wrong) => `${row[0]}: ${wrong}`)),
      [],
    )
  })

test('journeys.md: every path is walked with scripts, without them and by keyboard, or says why not', () => {
  const rows = rowsOf('journeys.md')
  assert.ok(rows.length >= 20)
  for (const row of rows) {
    assert.equal(row.length, 5, row[0])
    assert.deepEqual(row.slice(2).flatMap(wrongIn), [], row[1])
  }
})

/** What does not hold of a cell's tests. */
function wrongIn(tests: string): string[] {
  if (/^Not here( yet)?: .{10,}\.$/.test(tests)) return []
  return tests.split(' <br> ').flatMap((named) => {
    const [, file, name] = /^(tests\/\S+\.ts): (.+)$/.exec(named) ?? []
    if (!file || !name) return [`no test: ${named}`]
    return namesIn(file).has(name) ? [] : [`${file} has no test "${name}"`]
  })
}

/** The cells of each row, the heading left out. Backslashes are a matter of writing, in Markdown as in code. */
function rowsOf(table: string): string[][] {
  const rows = readFileSync(join(projectRoot, 'tests/standards', table), 'utf8').split('\n')
  return rows
    .filter((line) => /^\| (V?\d)/.test(line))
    .map((line) =>
      line
        .replaceAll('\\', '')
        .slice(1, -1)
        .split(' | ')
        .map((cell) => cell.trim()),
    )
}

function namesIn(file: string): Set<string> {
  if (!existsSync(join(projectRoot, file))) return new Set()
  const source = readFileSync(join(projectRoot, file), 'utf8')
  const names = source.matchAll(/(?:test|describe)\(\s*(['"`])((?:\\.|(?!\1)[^\\])+)\1/g)
  return new Set([...names].map((match) => match[2]!.replaceAll('\\', '')))
}
