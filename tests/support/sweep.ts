/** Looks for words that only a test knows in every file of a folder, in each way in which a program may have written them. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where of these folders which canary stands. demo.json is the try-out's own list of its people, the master key a key. */
export function sweepFor(canaries: Record<string, string>, folders: string[]): string[] {
  return folders.flatMap(filesIn).flatMap((path) => {
    if (/\/(demo\.json|master\.key)$/.test(path)) return []
    // A file may be renamed or removed meanwhile.
    const bytes = readQuietly(path)
    return bytes ? findIn(bytes, canaries).map((place) => `${place} in ${path}`) : []
  })
}

/** Which of these words stand in the bytes, by their places. */
export function findIn(bytes: Buffer, canaries: Record<string, string>): string[] {
  const hay = bytes.toString('latin1')
  const lower = hay.toLowerCase()
  return Object.entries(canaries).flatMap(([place, word]) =>
    needlesOf(word).some((one) => hay.includes(one)) || lower.includes(hexOf(word)) ? [place] : [],
  )
}

const known = new Map<string, string[]>()

/** The word as it is, in UTF-16, and in base64 from each of the three places that it can begin at, without the letters it shares with neighbours. */
function needlesOf(word: string): string[] {
  const made = known.get(word) ?? [
    word,
    Buffer.from(word, 'utf16le').toString('latin1'),
    ...[0, 1, 2].map((shift) => inBase64(word, shift)),
  ]
  known.set(word, made)
  return made
}

function inBase64(word: string, shift: number): string {
  const whole = Buffer.from('x'.repeat(shift) + word).toString('base64url')
  const end = Math.floor(((shift + word.length) * 8) / 6)
  return whole.slice(Math.ceil((shift * 8) / 6), end)
}

const hexOf = (word: string) => Buffer.from(word).toString('hex')

export function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

function readQuietly(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch {
    return undefined
  }
}
