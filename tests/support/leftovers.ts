/** Ends what a run of the tests left running: servers and databases of a test file that was killed before it could stop them. */
import { readdirSync, readFileSync } from 'node:fs'

/**
 * Every process whose command line or environment names the run's own folder is of this run: everything of a test lies below it. Where there
 * is no /proc nothing is looked for.
 * @returns how many there were
 */
export function endLeftovers(folder: string): number {
  const found = processes().filter((id) => id !== process.pid && names(id, folder))
  for (const id of found)
    try {
      process.kill(id, 'SIGKILL')
    } catch {
      // It ended by itself.
    }
  return found.length
}

function processes(): number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
  } catch {
    return []
  }
}

function names(id: number, folder: string): boolean {
  return ['cmdline', 'environ'].some((file) => {
    try {
      return readFileSync(`/proc/${id}/${file}`, 'latin1').includes(folder)
    } catch {
      return false
    }
  })
}
