/** The last checks of the set-up: what can be found out about this server without anybody's help. */
import { statfs } from 'node:fs/promises'
import { whatDiffersFromDatabase } from '../audit/clock.ts'
import { config } from '../config.ts'
import { wasMasterKeyExported } from './setup.store.ts'

export interface Check {
  name: 'address' | 'mail' | 'clock' | 'disk' | 'key' | 'checkpoints'
  isGood: boolean
  /** Bytes that are free. */
  room?: number
}

/** Below this, a few large files fill the disk. */
const LEAST_ROOM = 2_000_000_000

export async function lookOver(mailConfirmed: boolean, now = new Date()): Promise<Check[]> {
  const { baseUrl, dataDir, checkpointFolder, privacyEmail } = config()
  const [differs, disk, exported] = await Promise.all([
    whatDiffersFromDatabase(now),
    statfs(dataDir),
    wasMasterKeyExported(),
  ])
  const room = disk.bavail * disk.bsize
  return [
    { name: 'address', isGood: baseUrl.startsWith('https:') },
    { name: 'mail', isGood: mailConfirmed },
    { name: 'clock', isGood: differs === undefined },
    { name: 'disk', isGood: room >= LEAST_ROOM, room },
    { name: 'key', isGood: exported },
    { name: 'checkpoints', isGood: checkpointFolder !== undefined || privacyEmail !== undefined },
  ]
}
