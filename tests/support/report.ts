/** What a run of the tests says: a line for each file when it ends, and at the very end all that a reader of the last page needs. */
import type { EventData } from 'node:test'
import { relative } from 'node:path'
import { stripVTControlCharacters } from 'node:util'

export interface RunEvent {
  type: string
  data: Partial<EventData.TestFail & EventData.TestComplete & EventData.TestStderr>
}

export interface Report {
  /** @returns the lines to be printed at once, often none */
  take(event: RunEvent): string[]
  /** The slowest files, then every failing test with its error, then the counts. */
  end(): string[]
  failed(): boolean
}

/** At most so many lines of one error, and so many errors in full: the rest by name. */
const LINES_OF_ERROR = 60
const ERRORS_IN_FULL = 25
const SLOWEST = 10

interface FileRun {
  name: string
  seconds: number
  /** The names of the tests in which the report stands just now, outermost first. */
  path: string[]
  /** Begun and not ended: what a file that hangs was doing. */
  open: Set<string>
  /** What it wrote, for a file that fails without a failing test. */
  wrote: string[]
  failures: Failure[]
}

interface Failure {
  file: string
  test: string
  error: string[]
}

/** @param folder where the compiled tests lie, taken off the names of files */
export function reportOn(folder: string): Report {
  const files = new Map<string, FileRun>()
  const counts = { passed: 0, failed: 0, skipped: 0 }
  const begun = Date.now()

  function runOf(file: string): FileRun {
    const known = files.get(file)
    if (known) return known
    const name = relative(folder, file).replace(/\.js$/, '.ts')
    const made = { name, seconds: 0, path: [], open: new Set<string>(), wrote: [], failures: [] }
    files.set(file, made)
    return made
  }

  function take({ type, data }: RunEvent): string[] {
    if (!data.file) return []
    const run = runOf(data.file)
    if (type === 'test:stderr' || type === 'test:stdout') {
      run.wrote = [...run.wrote, ...data.message!.trimEnd().split('\n')].slice(-LINES_OF_ERROR)
      return []
    }
    const isFile = data.nesting === 0 && data.name !== undefined && data.file.endsWith(data.name)
    if (type === 'test:complete') run.open.delete(data.name!)
    if (isFile) return type === 'test:complete' ? fileEnded(run, data) : type === 'test:fail' ? failed(run, data) : []
    if (type === 'test:dequeue') run.open.add(data.name!)
    if (type === 'test:start') run.path = [...run.path.slice(0, data.nesting), data.name!]
    if (type === 'test:pass' && data.details?.type !== 'suite')
      counts[data.skip !== undefined || data.todo !== undefined ? 'skipped' : 'passed'] += 1
    return type === 'test:fail' ? failed(run, data) : []
  }

  function fileEnded(run: FileRun, { details }: RunEvent['data']): string[] {
    run.seconds = details!.duration_ms / 1000
    const passed = (details as { passed?: boolean }).passed
    return [`${passed ? 'ok    ' : 'FAILED'} ${run.seconds.toFixed(1).padStart(6)} s  ${run.name}`]
  }

  function failed(run: FileRun, data: RunEvent['data']): string[] {
    const error = data.details!.error as Error & { failureType?: string; cause?: unknown }
    // A suite or a file that holds a failing test: that one is told by itself.
    if (error.failureType === 'subtestsFailed') return []
    if (data.todo !== undefined) return []
    counts.failed += 1
    const isFile = data.file!.endsWith(data.name!)
    const test = isFile ? 'the file itself' : [...run.path.slice(0, data.nesting), data.name!].join(' > ')
    run.failures.push({ file: run.name, test, error: linesOf(error) })
    return isFile ? [] : [`       not ok: ${test} (${run.name})`]
  }

  function end(): string[] {
    const all = [...files.values()]
    // A test that is written in a file beside its own names that one.
    const whole = all.filter(({ seconds }) => seconds > 0)
    const slowest = whole.sort((a, b) => b.seconds - a.seconds).slice(0, SLOWEST)
    const failures = all.flatMap((run) => run.failures.map((failure) => ({ run, ...failure })))
    return [
      '',
      `The ${slowest.length} slowest files: ${slowest.map(({ name, seconds }) => `${name} ${seconds.toFixed(0)} s`).join(', ')}`,
      ...failures.flatMap(({ run, file, test, error }, index) =>
        index < ERRORS_IN_FULL
          ? ['', `FAILED ${file}: ${test}`, ...indented(error), ...(test === 'the file itself' ? lastSeen(run) : [])]
          : [`FAILED ${file}: ${test}`],
      ),
      '',
      `${whole.length} files, ${counts.passed} tests passed, ${counts.failed} failed, ${counts.skipped} skipped, in ${((Date.now() - begun) / 1000).toFixed(0)} s`,
    ]
  }

  return { take, end, failed: () => counts.failed > 0 || files.size === 0 }
}

/** What was thrown, with the difference that an assertion found and the place in our own files. */
function linesOf(error: Error & { cause?: unknown }): string[] {
  const thrown = error.cause instanceof Error ? error.cause : error
  const text = thrown.stack?.includes(thrown.message) ? thrown.stack : `${thrown.message}\n${thrown.stack ?? ''}`
  const lines = stripVTControlCharacters(text || String(error.cause ?? error))
    .split('\n')
    .filter((line) => !/^\s+at .*(node:internal|node:async_hooks)/.test(line))
  const cut = lines.length - LINES_OF_ERROR
  return cut > 0 ? [...lines.slice(0, LINES_OF_ERROR), `… and ${cut} lines more`] : lines
}

function lastSeen({ open, wrote }: FileRun): string[] {
  return [
    ...(open.size > 0 ? [`    It had begun and not ended: ${[...open].join(', ')}`] : []),
    ...(wrote.length > 0 ? ['    The last that it wrote:', ...indented(wrote.map((line) => line.slice(0, 400)))] : []),
  ]
}

const indented = (lines: string[]) => lines.map((line) => `    ${line}`)
