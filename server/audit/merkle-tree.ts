/**
 * The Merkle tree of the access log (RFC 6962 section 2.1, RFC 9162 section 2.1): hashes of leaves and nodes, a tree that only grows, and both
 * proofs. Pure: whoever keeps the tree gives its hashes. All hashes are SHA-256, 32 bytes.
 */
import { createHash } from 'node:crypto'

/** A tree as far as it must be known to add to it: its size, and the roots of its complete subtrees, the largest first. */
export interface Frontier {
  size: number
  roots: readonly Buffer[]
}

/** Reads the hash of a complete subtree: the `index`-th one of 2^level leaves. */
export type ReadNode = (level: number, index: number) => Promise<Buffer>

export const EMPTY_TREE: Frontier = { size: 0, roots: [] }

/** SHA-256(0x00 ‖ leaf) */
export function leafHash(leaf: Buffer): Buffer {
  return createHash('sha256').update(LEAF).update(leaf).digest()
}

/** SHA-256(0x01 ‖ left ‖ right) */
export function nodeHash(left: Buffer, right: Buffer): Buffer {
  return createHash('sha256').update(NODE).update(left).update(right).digest()
}

/** The tree with these leaves added. */
export function extend({ size, roots }: Frontier, leaves: readonly Buffer[]): Frontier {
  const kept = [...roots]
  let grown = size
  for (const leaf of leaves) {
    let made = leaf
    // Each trailing 1 of the size is a complete subtree as large as what is being added.
    for (let ones = grown; ones % 2 === 1; ones = Math.floor(ones / 2)) made = nodeHash(kept.pop()!, made)
    kept.push(made)
    grown++
  }
  return { size: grown, roots: kept }
}

/** The hash that says all of the tree; of an empty one SHA-256 of nothing. */
export function rootOf({ roots }: Frontier): Buffer {
  if (roots.length === 0) return createHash('sha256').digest()
  return roots.slice(0, -1).reduceRight((right, left) => nodeHash(left, right), roots.at(-1)!)
}

/** The frontier of the first `size` leaves of a tree that is kept somewhere. */
export async function frontierOf(size: number, read: ReadNode): Promise<Frontier> {
  return { size, roots: await Promise.all(subtreesOf(0, size).map(({ level, index }) => read(level, index))) }
}

/** That leaf `index` is in the tree of `size` leaves: the hashes beside its way to the root (RFC 9162 section 2.1.3.1). */
export async function inclusionProof(index: number, size: number, read: ReadNode): Promise<Buffer[]> {
  if (index < 0 || index >= size) throw new RangeError('There is no such leaf')
  return Promise.all(besides(index, 0, size).map(([begin, end]) => hashOf(begin, end, read)))
}

/** That the tree of `size` leaves begins with that of `earlier` leaves (RFC 9162 section 2.1.4.1). */
export async function consistencyProof(earlier: number, size: number, read: ReadNode): Promise<Buffer[]> {
  if (earlier < 0 || earlier > size) throw new RangeError('A tree begins with smaller ones only')
  if (earlier === 0 || earlier === size) return []
  return Promise.all(grownFrom(earlier, 0, size, true).map(([begin, end]) => hashOf(begin, end, read)))
}

/** Whether the proof shows that this leaf is in the tree with this root (RFC 9162 section 2.1.3.2). */
export function isIncluded(leaf: Buffer, index: number, size: number, proof: readonly Buffer[], root: Buffer): boolean {
  if (index < 0 || index >= size || !areHashes([leaf, root, ...proof])) return false
  let [at, last, hash] = [index, size - 1, leaf]
  for (const beside of proof) {
    if (last === 0) return false
    if (at % 2 === 1 || at === last) {
      hash = nodeHash(beside, hash)
      for (; at % 2 === 0 && at !== 0; at = half(at)) last = half(last)
    } else hash = nodeHash(hash, beside)
    at = half(at)
    last = half(last)
  }
  return last === 0 && hash.equals(root)
}

/** Whether the proof shows that the tree with `root` begins with the one with `earlierRoot` (RFC 9162 section 2.1.4.2). */
export function isConsistent(
  earlier: number,
  size: number,
  earlierRoot: Buffer,
  root: Buffer,
  proof: readonly Buffer[],
): boolean {
  if (earlier < 1 || earlier > size) return false
  if (earlier === size) return proof.length === 0 && earlierRoot.equals(root)
  if (!areHashes([earlierRoot, root, ...proof])) return false
  const path = isPowerOfTwo(earlier) ? [earlierRoot, ...proof] : [...proof]
  let [at, last] = [earlier - 1, size - 1]
  for (; at % 2 === 1; at = half(at)) last = half(last)
  const first = path.shift()
  if (!first) return false
  let [before, now] = [first, first]
  for (const hash of path) {
    if (last === 0) return false
    if (at % 2 === 1 || at === last) {
      before = nodeHash(hash, before)
      now = nodeHash(hash, now)
      for (; at % 2 === 0 && at !== 0; at = half(at)) last = half(last)
    } else now = nodeHash(now, hash)
    at = half(at)
    last = half(last)
  }
  return last === 0 && before.equals(earlierRoot) && now.equals(root)
}

const LEAF = Buffer.from([0])
const NODE = Buffer.from([1])

type Range = readonly [begin: number, end: number]

/** The parts beside leaf `index`, the nearest first. */
function besides(index: number, begin: number, end: number): Range[] {
  if (end - begin === 1) return []
  const middle = begin + largestPowerBelow(end - begin)
  return index < middle
    ? [...besides(index, begin, middle), [middle, end]]
    : [...besides(index, middle, end), [begin, middle]]
}

/** SUBPROOF. @param whole whether the part is known to whoever has the earlier root */
function grownFrom(earlier: number, begin: number, end: number, whole: boolean): Range[] {
  if (earlier === end - begin) return whole ? [] : [[begin, end]]
  const power = largestPowerBelow(end - begin)
  const middle = begin + power
  return earlier <= power
    ? [...grownFrom(earlier, begin, middle, whole), [middle, end]]
    : [...grownFrom(earlier - power, middle, end, false), [begin, middle]]
}

async function hashOf(begin: number, end: number, read: ReadNode): Promise<Buffer> {
  const roots = await Promise.all(subtreesOf(begin, end).map(({ level, index }) => read(level, index)))
  return rootOf({ size: end - begin, roots })
}

/** The complete subtrees that leaves `begin` to `end` consist of, the largest first. `begin` is where such a part begins in every tree. */
function subtreesOf(begin: number, end: number): { level: number; index: number }[] {
  const parts = []
  for (let at = begin; at < end;) {
    const level = Math.floor(Math.log2(end - at + 0.5))
    parts.push({ level, index: at / 2 ** level })
    at += 2 ** level
  }
  return parts
}

function largestPowerBelow(size: number): number {
  return 2 ** Math.floor(Math.log2(size - 0.5))
}

function isPowerOfTwo(size: number): boolean {
  return Number.isInteger(Math.log2(size))
}

/** Not a shift, which would cut at 32 bits. */
function half(size: number): number {
  return Math.floor(size / 2)
}

function areHashes(hashes: readonly Buffer[]): boolean {
  return hashes.every((hash) => hash.length === 32)
}
