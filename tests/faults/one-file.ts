/** A program for `full-disk.test.ts`: writes one file into the folder that it is given, and says what became of it. */
import { Readable } from 'node:stream'
import { folderStore } from '../../server/attachments/folder-store.ts'

const [folder = '', name = ''] = process.argv.slice(2)
const bytes = Readable.from([Buffer.alloc(500_000, 1)], { objectMode: false })
process.stdout.write(
  await folderStore(folder)
    .write(name, bytes)
    .then(
      () => 'kept',
      (error: Error) => error.name,
    ),
)
