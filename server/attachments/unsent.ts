/** How much somebody may still upload before they send what they have: what nobody ever sends must not fill the disk. */
import { config } from '../config.ts'
import type { Transaction } from '../database/connection.ts'
import { LIMITS } from './attachment.ts'
import { listUnclaimedOf } from './attachment.store.ts'
import { fileStore } from './file-store.ts'
import { countUploads, countUploadsInTurn } from './upload.store.ts'

/** More than anybody has on the way at once; a row each. */
const MOST_UPLOADS = 50

/** Bytes that this account may still upload; less than nothing when it has too many under way. */
export async function roomLeft(accountId: string): Promise<number> {
  return left(await unsentBytes(accountId), await countUploads(accountId))
}

/**
 * The same with nobody else of this account beginning until the transaction ends. `unsent` was asked before, because a store may take its time;
 * a file that became whole in between counts twice for a moment, or not at all.
 */
export async function roomLeftInTurn(accountId: string, unsent: number, transaction: Transaction): Promise<number> {
  return left(unsent, await countUploadsInTurn(accountId, transaction))
}

/** Bytes of whole files that no message has claimed, as they rest. */
export async function unsentBytes(accountId: string): Promise<number> {
  const ids = await listUnclaimedOf(accountId)
  const sizes = await Promise.all(ids.map((id) => fileStore().size(id)))
  return sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0)
}

function left(unsent: number, { count, kilobytes }: { count: number; kilobytes: number }): number {
  return count >= MOST_UPLOADS ? -1 : Math.max(config().files.unsentBytes, 2 * LIMITS.fileBytes) - unsent - kilobytes * 1024
}
