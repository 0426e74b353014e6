/**
 * Checkpoints: what the log is at a moment, signed, in a form that leaves the machine (C2SP tlog-checkpoint). The signer never signs a tree that does
 * not contain the last one that it signed. What that was it remembers in the ledger, which is not in the database: whoever cuts or rewrites the log there
 * cannot make it forget. Only where an older database came back, which the ledger tells too, does it go on with what is left of the log: in a new epoch,
 * each checkpoint of which says what it follows and how much of that was kept.
 */
import { config } from '../config.ts'
import { inTransaction, type Transaction } from '../database/connection.ts'
import { signNote, verifierKey } from '../vault/log-key.ts'
import { system } from './actor.ts'
import { findLedgerState } from './ledger-state.store.ts'
import { appendCheckpoint, listSignedTrees, type SignedTree } from './ledger.ts'
import {
  findLastCheckpoint,
  findTreeSize,
  insertCheckpoint,
  keepLogName,
  nodesOfTiles,
  type Checkpoint,
} from './log-proof.store.ts'
import { consistencyProof, frontierOf, isConsistent, rootOf } from './merkle-tree.ts'
import { record } from './record.ts'

/** The tree does not contain what was signed before. */
export class TreeRefused extends Error {
  override name = 'TreeRefused'
}

/** @returns the newest checkpoint; nothing while the log is empty @throws TreeRefused */
export async function signCheckpoint(now = new Date()): Promise<Checkpoint | undefined> {
  const signed = await appendCheckpoint(nextAfter, now)
  if (!signed) return undefined
  const [newest, name] = [await findLastCheckpoint(), await logKeyName()]
  if (newest?.epoch === signed.epoch && newest.size === signed.size) return newest
  const checkpoint = {
    epoch: signed.epoch,
    size: signed.size,
    root: Buffer.from(signed.root, 'base64'),
    note: signNote(name, textOf(signed, name)),
    signedAt: now,
  }
  // The ledger has it already: a process that is killed here signs the same once more, and never another tree of this size.
  await inTransaction(async (transaction) => {
    await insertCheckpoint(checkpoint, transaction)
    if (newest && newest.epoch < signed.epoch) await recordEpoch(signed, transaction, now)
  })
  return checkpoint
}

/** By which others check checkpoints of this installation. */
export async function logVerifier(): Promise<string> {
  return verifierKey(await logKeyName())
}

/** Of all epochs, so that whoever keeps the key has to keep one. */
export function logKeyName(): Promise<string> {
  return keepLogName(`${new URL(config().baseUrl).host}/access-log`)
}

interface Tree {
  size: number
  root: Buffer
}

async function nextAfter(last: (SignedTree & { at: Date }) | undefined): Promise<SignedTree | undefined> {
  const tree = await readTree()
  const { size } = tree
  const root = tree.root.toString('base64')
  // A ledger that knows of none cannot say what was signed since the one that the database has.
  const known = last ?? (await lastInDatabase())
  if (!known) return size === 0 ? undefined : { epoch: 1, size, root }
  if (last && (await contains(tree, last)))
    return { epoch: last.epoch, size, root, ...(last.follows ? { follows: last.follows } : {}) }
  if (last && !(await cameBackSince(last.at))) throw new TreeRefused(whatIsWrong(tree, last))
  const { epoch } = known
  const follows = { epoch, size: known.size, root: known.root, kept: await countKept(tree, known) }
  return { epoch: epoch + 1, size, root, follows }
}

async function readTree(): Promise<Tree> {
  const size = await findTreeSize()
  return { size, root: rootOf(await frontierOf(size, nodesOfTiles())) }
}

async function lastInDatabase(): Promise<SignedTree | undefined> {
  const last = await findLastCheckpoint()
  return last && { epoch: last.epoch, size: last.size, root: last.root.toString('base64') }
}

async function contains({ size, root }: Tree, earlier: SignedTree): Promise<boolean> {
  if (earlier.size > size) return false
  if (earlier.size === 0) return true
  const proof = await consistencyProof(earlier.size, size, nodesOfTiles())
  return isConsistent(earlier.size, size, Buffer.from(earlier.root, 'base64'), root, proof)
}

/** Whether somebody put an older database in this one's place since then, as the start found out. */
async function cameBackSince(at: Date): Promise<boolean> {
  const { olderAt } = await findLedgerState()
  return olderAt !== null && olderAt >= at
}

/** How many leaves of what was signed are known to be there still: those of the largest signed tree that this one contains. */
async function countKept(tree: Tree, last: SignedTree): Promise<number> {
  const signed = [...(await listSignedTrees()), last].filter(({ size }) => size <= tree.size)
  for (const earlier of signed.sort((one, other) => other.size - one.size))
    if (await contains(tree, earlier)) return earlier.size
  return 0
}

function whatIsWrong({ size }: Tree, last: SignedTree): string {
  return last.size > size
    ? `${last.size} events were signed, and the log has ${size}`
    : `the first ${last.size} events are not those that were signed`
}

/** The lines of a checkpoint. What an epoch follows stands in each of its checkpoints, because any of them may be the only one that is kept. */
function textOf({ epoch, size, root, follows }: SignedTree, name: string): string {
  const lines = [`${name}/${epoch}`, String(size), root]
  if (follows) lines.push(`follows ${name}/${follows.epoch} ${follows.size} ${follows.root}`, `kept ${follows.kept}`)
  return `${lines.join('\n')}\n`
}

async function recordEpoch({ epoch, follows }: SignedTree, transaction: Transaction, now: Date): Promise<void> {
  const found = follows
    ? `epoch ${epoch} follows ${follows.size} signed events of epoch ${follows.epoch}, of which ${follows.kept} are known to be here`
    : `epoch ${epoch}`
  await record(system, { act: 'log.epoch-begun', outcome: 'failed', found }, transaction, now)
}
