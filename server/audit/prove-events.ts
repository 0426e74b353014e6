/** That events stand in the log, as others can check it: their leaves with their ways to the root of a signed checkpoint. */
import { Unavailable } from '../errors.ts'
import { leafFields, leafOf } from './leaf.ts'
import { letAllHavePlaces } from './let-all-have-places.ts'
import {
  findLastCheckpoint,
  findLastPublished,
  listLeavesOf,
  nodesOfTiles,
  type Checkpoint,
} from './log-proof.store.ts'
import { inclusionProof, isIncluded, leafHash } from './merkle-tree.ts'
import { signOrTell } from './sign-or-tell.ts'

export interface ProvedEvent {
  leaf: number
  /** What is hashed into the tree, before it is written out as JSON (docs/access-log.md). */
  fields: (string | null)[]
  /** RFC 9162 section 2.1.3.1, the nearest first; 32 bytes each. */
  proof: Buffer[]
}

/**
 * Waits until they have their places, and signs where no checkpoint has them yet. One that left the machine is taken where it does, because somebody else
 * can say that it is the same.
 * @throws Unavailable when they have no places in time, or when the log is not what was signed before
 */
export async function proveEvents(
  ids: readonly string[],
  now = new Date(),
): Promise<{ checkpoint: Checkpoint; events: ProvedEvent[] }> {
  await letAllHavePlaces(now)
  const leaves = await listLeavesOf(ids)
  if (leaves.length < ids.length) throw new Unavailable('events have no place in the log yet')
  const checkpoint = await checkpointWith(leaves.at(-1)?.leaf ?? 0, now)
  const nodes = nodesOfTiles()
  const events: ProvedEvent[] = []
  for (const { leaf, event } of leaves) {
    const [fields, proof] = [leafFields(event), await inclusionProof(leaf, checkpoint.size, nodes)]
    if (fields[0] !== 'letterlock-event-1') throw new Unavailable('an event is not one that the server recorded')
    if (!isIncluded(leafHash(leafOf(event)), leaf, checkpoint.size, proof, checkpoint.root))
      throw new Unavailable('an event is not what was signed')
    events.push({ leaf, fields, proof })
  }
  return { checkpoint, events }
}

async function checkpointWith(leaf: number, now: Date): Promise<Checkpoint> {
  const last = await findLastCheckpoint()
  const published = last && (await findLastPublished(last.epoch))
  if (published && published.size > leaf) return published
  // Whoever asks again and again gets no new one each time.
  if (last && last.size > leaf) return last
  if (await signOrTell(now)) throw new Unavailable('the log is not what was signed before')
  const signed = await findLastCheckpoint()
  if (!signed || signed.size <= leaf) throw new Unavailable('the log was not signed')
  return signed
}
