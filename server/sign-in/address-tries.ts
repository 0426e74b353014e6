/** How often one network address may begin what costs us a password's work, whoever it says it is. */
import type { Actor } from '../audit/actor.ts'
import { networkOf } from '../lib/network.ts'
import { limit } from '../web/rate-limits.ts'

const tries = limit('address', 100, 600)

/** Counts one try of signing in or of making a sign-in. @throws SlowDown after a hundred in ten minutes */
export async function countAddress(actor: Actor): Promise<void> {
  await tries.count(networkOf(actor))
}
