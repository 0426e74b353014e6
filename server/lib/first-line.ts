import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'

/** The first line of a file, or of the standard input for `-`. @throws Error with a sentence */
export async function firstLineOf(path: string): Promise<string> {
  try {
    return (path === '-' ? await text(process.stdin) : await readFile(path, 'utf8')).split(/\r?\n/)[0]!
  } catch (error) {
    throw new Error(`${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`)
  }
}
