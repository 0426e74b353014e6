/** Opens the store that the settings name, and beside it the one that files may still rest in. */
import { join } from 'node:path'
import type { Config } from '../config.ts'
import type { FileStore } from './file-store.ts'
import { folderStore } from './folder-store.ts'
import { newerAndOlder } from './newer-and-older.ts'

export type StoreName = Config['fileStore']

/** The one store of this process: new files go where FILE_STORE says, and what is not there is looked for in the other one. */
export async function openFileStore(config: Config): Promise<FileStore> {
  const { folder, s3 } = await openStoresOfFiles(config)
  if (!s3) return folder
  return config.fileStore === 's3' ? newerAndOlder(s3, folder) : newerAndOlder(folder, s3)
}

/** Where that store's files rest, for whoever has to know whether another process means the same place. */
export function placeOfFiles({ dataDir, s3 }: Config): string {
  return [join(dataDir, 'files'), ...(s3 ? [`${s3.endpoint}/${s3.bucket}`] : [])].join(' and ')
}

/** Each by itself. The library for S3 is loaded only where the settings name a bucket. */
export async function openStoresOfFiles({ dataDir, s3 }: Config): Promise<{ folder: FileStore; s3?: FileStore }> {
  const folder = folderStore(join(dataDir, 'files'))
  if (!s3) return { folder }
  const { s3Store } = await import('./s3-store.ts')
  return { folder, s3: s3Store(s3) }
}
