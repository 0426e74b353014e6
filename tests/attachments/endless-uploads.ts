/** A program for `interrupted-uploads.test.ts`: keeps sealing marked bytes into the folder it is given, until it is killed. */
import { Readable } from 'node:stream'
import { configureFileStore } from '../../server/attachments/file-store.ts'
import { folderStore } from '../../server/attachments/folder-store.ts'
import { writeSealed } from '../../server/attachments/sealed-files.ts'
import { newId } from '../../server/lib/ids.ts'

const [folder = '', key = '', mark = ''] = process.argv.slice(2)
configureFileStore(folderStore(folder))

await Promise.all([uploadForEver(20), uploadForEver(300), uploadForEver(100_000)])

/** `most` is the number of pieces in one upload, of 1,000 marks each. */
async function uploadForEver(most: number): Promise<void> {
  for (let round = 0; ; round++) {
    const id = newId()
    const pieces = 1 + ((round * 7) % most)
    const source = Readable.from(Array.from({ length: pieces }, () => Buffer.from(mark.repeat(1000))))
    await writeSealed(id, `attachment/${id}`, Buffer.from(key, 'hex'), source, Number.MAX_SAFE_INTEGER)
  }
}
