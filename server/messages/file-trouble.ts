/**
 * A file that cannot be opened now: because its store is away, or because what rests under its name is not what was sealed. The latter is an
 * access event. Either way it is told by the file's name, and nothing but the file is touched.
 */
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { FileMissing, fileStore } from '../attachments/file-store.ts'
import { record } from '../audit/record.ts'
import { FileUnopened, Unavailable } from '../errors.ts'
import type { Reader } from '../sign-in/reader.ts'
import { EnvelopeRefused } from '../vault/floe.ts'

/** A file that the reader may open. */
export interface OwnFile {
  id: string
  name: string
  messageId: string
}

/** That there is something under the file's name at all, for a page that offers it. @throws FileUnopened */
export async function lookForFile(reader: Reader, file: OwnFile): Promise<void> {
  await orTell(reader, file, async () => {
    if ((await fileStore().size(file.id)) === undefined) throw new FileMissing()
  })
}

/**
 * The bytes, once the first of them were found sound, so that most trouble is told by a page. What is found out later breaks the stream.
 * @throws FileUnopened
 */
export function firstBytes(reader: Reader, file: OwnFile, open: () => Promise<Readable>): Promise<Readable> {
  return orTell(reader, file, async () => {
    const bytes = await open()
    // An event that is an error rejects; an empty file is readable at its end.
    await once(bytes, 'readable')
    return bytes.once('error', (error) => void noteTrouble(reader, file.id, error))
  })
}

async function orTell<T>(reader: Reader, file: OwnFile, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const lost = await noteTrouble(reader, file.id, error)
    if (!lost && !(error instanceof Unavailable)) throw error
    throw new FileUnopened(lost ? 'file-lost' : 'file-away', file.name, file.messageId)
  }
}

/** Whatever becomes of the line: the reader hears of the file's own trouble. @returns whether it is the file's own */
async function noteTrouble(reader: Reader, id: string, error: unknown): Promise<boolean> {
  const gone = error instanceof FileMissing
  if (!gone && !(error instanceof EnvelopeRefused)) return false
  await record(reader.actor, {
    act: 'envelope.refused',
    subject: { kind: 'attachment', id },
    outcome: 'failed',
    ...(gone ? { reason: 'file-gone' } : { reason: 'not-as-sealed', found: error.message }),
  }).catch(() => {})
  return true
}
