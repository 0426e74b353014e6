/**
 * Holds the access log against what was signed: each event against its leaf, its sealed details against their digest, what it is searched by against the event,
 * the leaves against the tree's hashes, the tree against the newest checkpoint, and with everything the counts of hours and days against the places. It shows what somebody changed who can only write the database and does
 * not know that all of this hangs together; for whoever does, see docs/access-log.md: a checkpoint that left this machine, and scripts/verify-log.mjs.
 */
import { logError } from '../lib/logger.ts'
import { newId } from '../lib/ids.ts'
import { system } from './actor.ts'
import { findWrongCount } from './event-hours.store.ts'
import { leafFields, leafOf } from './leaf.ts'
import { findLastCheck, insertCheck, type LogCheck } from './log-check.store.ts'
import {
  findFirstProved,
  findLastCheckpoint,
  listLeafHashes,
  listLeaves,
  listStrays,
  listWrongCopies,
  nodesOfTiles,
  TILE,
  type Checkpoint,
  type Leaf,
} from './log-proof.store.ts'
import { EMPTY_TREE, extend, frontierOf, leafHash, rootOf } from './merkle-tree.ts'
import { record } from './record.ts'

interface Finding {
  /** The first bad event, where one can be named. */
  leaf?: number
  found: string
}

/**
 * Looks at the events that are new since the last time, or at everything, up to the newest checkpoint. What was found bad before is looked at again.
 * @returns what was found; nothing when nothing new was signed
 */
export async function checkLog(everything: boolean, now = new Date()): Promise<LogCheck | undefined> {
  const [checkpoint, last] = await Promise.all([findLastCheckpoint(), findLastCheck()])
  if (!checkpoint) return undefined
  const from = everything ? 0 : whereToGoOn(last, checkpoint)
  if (from === undefined) return undefined
  const finding = await findWrong(from, checkpoint, everything || from === 0)
  const check: LogCheck = {
    id: newId(now),
    checkedAt: now,
    everything: from === 0,
    checkedTo: finding ? Math.min(finding.leaf ?? from, checkpoint.size) : checkpoint.size,
    epoch: checkpoint.epoch,
    size: checkpoint.size,
    badLeaf: finding?.leaf ?? null,
    found: finding?.found ?? null,
  }
  if (finding && !isKnown(finding, last)) {
    logError('The access log is not what was signed', new Error(finding.found))
    const found = finding.leaf === undefined ? finding.found : `event ${finding.leaf + 1}: ${finding.found}`
    await record(
      system,
      { act: 'log.found-changed', outcome: 'failed', reason: 'not-as-signed', found },
      undefined,
      now,
    )
  }
  await insertCheck(check)
  return check
}

/** From a tile's beginning, so that the hashes of what was looked at before need not be believed in part. */
function whereToGoOn(last: LogCheck | undefined, { epoch, size }: Checkpoint): number | undefined {
  if (!last || last.epoch !== epoch) return 0
  // Without a leaf that is named, all of it is doubtful.
  if (last.found !== null) return last.badLeaf === null ? 0 : tileOf(last.badLeaf)
  return last.checkedTo === size ? undefined : tileOf(last.checkedTo)
}

function tileOf(leaf: number): number {
  return Math.floor(leaf / TILE) * TILE
}

function isKnown({ leaf, found }: Finding, last: LogCheck | undefined): boolean {
  return last?.found === found && last.badLeaf === (leaf ?? null)
}

async function findWrong(from: number, { size, root }: Checkpoint, everything: boolean): Promise<Finding | undefined> {
  let tree = from === 0 ? EMPTY_TREE : await frontierOf(from, nodesOfTiles())
  const firstProved = await findFirstProved()
  for (let at = from; at < size; at += TILE) {
    const count = Math.min(TILE, size - at)
    const [leaves, hashes, copies] = await Promise.all([
      listLeaves(at, count),
      listLeafHashes(at / TILE),
      listWrongCopies(at, count),
    ])
    const found = wrongLeaf(at, count, leaves, hashes, firstProved)
    if (found) return found
    if (copies[0] !== undefined) return { leaf: copies[0], found: 'what it is searched by is not what it says' }
    tree = extend(tree, hashes.slice(0, count))
  }
  if (!rootOf(tree).equals(root)) return { found: 'the events fit the hashes, and those are not what was signed' }
  return everything ? findBesides() : undefined
}

/** What is wrong beside the tree: a line without a place, or counters that a search would believe. */
async function findBesides(): Promise<Finding | undefined> {
  const [stray] = await listStrays(1)
  if (stray) return { found: `a line of ${stray.at.toISOString()} (${stray.id}) has no place in the log` }
  const wrong = await findWrongCount()
  return (
    wrong && {
      found: `the counts of ${wrong.act || 'removed events'} since ${wrong.at.toISOString()} are not what the log says`,
    }
  )
}

/** @param firstProved from this leaf on every event has to be one that the server recorded */
function wrongLeaf(
  from: number,
  count: number,
  leaves: readonly Leaf[],
  hashes: readonly Buffer[],
  firstProved: number,
): Finding | undefined {
  const byPlace = new Map(leaves.map((leaf) => [leaf.leaf, leaf]))
  for (let place = from; place < from + count; place++) {
    const there = byPlace.get(place)
    const found = whatIsWrong(there, hashes[place - from])
    if (found) return { leaf: place, found }
    if (place >= firstProved && !isProved(there!)) return { leaf: place, found: 'the server did not record it' }
  }
  return undefined
}

/** Events from before the server knew its own by a MAC stand at the beginning of the log, and nowhere else. */
function isProved({ event }: Leaf): boolean {
  return leafFields(event)[0] === 'letterlock-event-1'
}

/** What is wrong with an event that stands at a leaf, in words for whoever looks into it. */
export function whatIsWrong(there: Leaf | undefined, hash: Buffer | undefined): string | undefined {
  if (!there) return 'its place is gone'
  if (!hash) return 'the tree has no hash of it'
  const { event, detailsNow } = there
  if (!leafHash(leafOf(event)).equals(hash)) return event.act === null ? 'it was removed' : 'it was changed'
  const same = event.detailsDigest === null ? detailsNow === null : detailsNow?.equals(event.detailsDigest)
  return same ? undefined : 'its details were changed or removed'
}
