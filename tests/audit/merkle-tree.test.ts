/** The tree of the access log, against the published cases of RFC 6962 trees and against one that is built the slow way. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import {
  consistencyProof,
  EMPTY_TREE,
  extend,
  frontierOf,
  inclusionProof,
  isConsistent,
  isIncluded,
  leafHash,
  nodeHash,
  rootOf,
} from '../../server/audit/merkle-tree.ts'

const leaves = Array.from({ length: 70 }, (_, number) => leafHash(Buffer.from(`leaf ${number}`)))

/** MTH of RFC 6962 section 2.1, word by word. */
function slowRoot(hashes: readonly Buffer[]): Buffer {
  if (hashes.length === 0) return createHash('sha256').digest()
  if (hashes.length === 1) return hashes[0]!
  let power = 1
  while (power * 2 < hashes.length) power *= 2
  return nodeHash(slowRoot(hashes.slice(0, power)), slowRoot(hashes.slice(power)))
}

const readNode = async (level: number, index: number) =>
  slowRoot(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level))

describe('The Merkle tree of the access log', () => {
  test('known answers: the empty tree, one empty leaf, and the eight leaves of Certificate Transparency', () => {
    assert.equal(rootOf(EMPTY_TREE).toString('hex'), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
    const one = extend(EMPTY_TREE, [leafHash(Buffer.alloc(0))])
    assert.equal(rootOf(one).toString('hex'), '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d')
    const eight = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f']
    const tree = extend(
      EMPTY_TREE,
      eight.map((hex) => leafHash(Buffer.from(hex, 'hex'))),
    )
    assert.equal(rootOf(tree).toString('hex'), '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328')
  })

  test('a tree that grows in any steps has the root of one that is built at once', async () => {
    for (let size = 0; size <= leaves.length; size++) {
      const expected = slowRoot(leaves.slice(0, size))
      for (const step of [1, 3, size]) {
        let tree = EMPTY_TREE
        for (let at = 0; at < size; at += Math.max(step, 1))
          tree = extend(tree, leaves.slice(at, Math.min(size, at + step)))
        assert.ok(rootOf(tree).equals(expected), `${size} in steps of ${step}`)
      }
      assert.ok(rootOf(await frontierOf(size, readNode)).equals(expected))
    }
  })

  test('every leaf is proved to be in every tree, and nothing else is', async () => {
    for (let size = 1; size <= 40; size++) {
      const root = slowRoot(leaves.slice(0, size))
      for (let index = 0; index < size; index++) {
        const proof = await inclusionProof(index, size, readNode)
        assert.ok(isIncluded(leaves[index]!, index, size, proof, root))
        assert.ok(!isIncluded(leaves[index + 1]!, index, size, proof, root))
        if (size > 1) assert.ok(!isIncluded(leaves[index]!, (index + 1) % size, size, proof, root))
        assert.ok(!isIncluded(leaves[index]!, index, size, [...proof, root], root))
      }
    }
  })

  test('every tree is proved to begin with every smaller one, and with no other', async () => {
    for (let size = 1; size <= 40; size++)
      for (let earlier = 1; earlier <= size; earlier++) {
        const roots = [slowRoot(leaves.slice(0, earlier)), slowRoot(leaves.slice(0, size))] as const
        const proof = await consistencyProof(earlier, size, readNode)
        assert.ok(isConsistent(earlier, size, ...roots, proof), `${earlier} in ${size}`)
        assert.ok(!isConsistent(earlier, size, leafHash(Buffer.from('another')), roots[1], proof))
        assert.ok(!isConsistent(earlier, size, roots[0], leafHash(Buffer.from('another')), proof))
      }
  })
})

const folder = process.env['VECTORS_DIR'] && join(process.env['VECTORS_DIR'], 'merkle/testdata')

describe(
  'The published cases of inclusion and consistency',
  { skip: folder && existsSync(folder) ? false : 'VECTORS_DIR is not set' },
  () => {
    const bytes = (text: string | null) => Buffer.from(text ?? '', 'base64')
    interface Case {
      leafIdx: number
      treeSize: number
      leafHash: string
      root: string
      size1: number
      size2: number
      root1: string
      root2: string
      proof: string[] | null
      desc: string
      wantErr: boolean
    }
    const casesIn = (kind: string): [string, Case][] =>
      (readdirSync(join(folder!, kind), { recursive: true }) as string[])
        .filter((file) => file.endsWith('.json'))
        .map((file) => [file, JSON.parse(readFileSync(join(folder!, kind, file), 'utf8')) as Case])

    test('inclusion', () => {
      const cases = casesIn('inclusion')
      assert.ok(cases.length > 50)
      for (const [file, { leafHash, leafIdx, treeSize, proof, root, wantErr }] of cases)
        assert.equal(
          isIncluded(bytes(leafHash), leafIdx, treeSize, (proof ?? []).map(bytes), bytes(root)),
          !wantErr,
          file,
        )
    })

    test('consistency', () => {
      const cases = casesIn('consistency')
      assert.ok(cases.length > 50)
      for (const [file, { size1, size2, root1, root2, proof, wantErr }] of cases)
        assert.equal(isConsistent(size1, size2, bytes(root1), bytes(root2), (proof ?? []).map(bytes)), !wantErr, file)
    })
  },
)
