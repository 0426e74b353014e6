/** What every store of files has to keep, whatever it is made of. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { describe, test } from 'node:test'
import { FileMissing, type FileStore } from '../../server/attachments/file-store.ts'
import { newId } from '../../server/lib/ids.ts'

export interface StoreAtHand {
  store: FileStore
  /** How many files and halves of files the store itself holds, whatever our list says. */
  held(): Promise<{ whole: number; halves: number }>
  /** Another store of the same kind, which holds these names and nothing else. */
  holding(names: readonly string[]): Promise<FileStore>
}

/** @param large bytes of the largest file: more than the store takes in one piece */
export function describeFileStore(kind: string, atHand: () => StoreAtHand, large: number): void {
  const store = () => atHand().store
  const read = async (name: string, from?: number, to?: number) => buffer(await store().read(name, from, to))

  describe(`${kind} as a store of files`, () => {
    test('gives back what was written, of any size, also in pieces of a range', async () => {
      for (const length of [0, 1, 1000, 262144, large]) {
        const [name, bytes] = [newId(), randomBytes(length)]
        await store().write(name, inPieces(bytes))
        assert.equal(await store().size(name), length)
        assert.ok((await read(name)).equals(bytes), `${length} bytes`)
        for (const [from, to] of [
          [0, 1],
          [length - 1, length],
          [Math.floor(length / 3), Math.floor(length / 2)],
          [length, length + 10],
          [5, 5],
          [10, length + 1000],
        ] as const)
          assert.ok((await read(name, Math.max(0, from), to)).equals(bytes.subarray(Math.max(0, from), to)), `${from}`)
        assert.ok((await read(name, Math.floor(length / 2))).equals(bytes.subarray(Math.floor(length / 2))))
        await store().remove(name)
      }
    })

    test('keeps the pieces of an upload under its id with a number, each for itself', async () => {
      const id = newId()
      for (const piece of [1, 2, 10]) await store().write(`${id}.${piece}`, inPieces(Buffer.from(`piece ${piece}`)))
      assert.equal(String(await read(`${id}.10`)), 'piece 10')
      assert.equal(await store().size(id), undefined)
      for (const piece of [1, 2, 10]) await store().remove(`${id}.${piece}`)
      assert.equal(await store().size(`${id}.1`), undefined)
    })

    test('what is written under a name again takes the place of what was there', async () => {
      const name = newId()
      await store().write(name, inPieces(Buffer.from('the first, and the longer one')))
      await store().write(name, inPieces(Buffer.from('the second')))
      assert.equal(String(await read(name)), 'the second')
      await store().remove(name)
    })

    test('what is not there has no size, is told before a byte of it, and can be removed all the same', async () => {
      const name = newId()
      assert.equal(await store().size(name), undefined)
      await assert.rejects(store().read(name), FileMissing)
      await assert.rejects(store().read(name, 3, 4), FileMissing)
      await store().remove(name)
      await store().remove(name)
    })

    test('a source that breaks off leaves nothing: at once, in the middle, after more than one piece', async () => {
      const before = await atHand().held()
      for (const length of [0, 1000, large]) {
        const name = newId()
        const bytes = breaksAfter(length)
        await assert.rejects(store().write(name, bytes), /the connection was lost/)
        assert.equal(await store().size(name), undefined)
        assert.ok(bytes.destroyed)
      }
      assert.deepEqual(await atHand().held(), before)
    })

    test('a source that breaks off leaves what was under the name before', async () => {
      const name = newId()
      await store().write(name, inPieces(Buffer.from('as it was')))
      await assert.rejects(store().write(name, breaksAfter(large)), /the connection was lost/)
      assert.equal(String(await read(name)), 'as it was')
      await store().remove(name)
    })

    test('a reader that goes away leaves nothing open', async () => {
      const name = newId()
      await store().write(name, inPieces(randomBytes(large)))
      for (let round = 0; round < 30; round++) {
        const bytes = await store().read(name)
        for await (const chunk of bytes) if ((chunk as Buffer).length > 0) break
        assert.ok(bytes.destroyed)
      }
      await store().remove(name)
    })

    test('nothing but an id, or an id with a number, is a name', async () => {
      for (const name of ['../../etc/passwd', '', 'a', `${newId()}/..`, `../${newId()}`, newId().toUpperCase(), '.1'])
        for (const way of [
          () => store().write(name, Readable.from([])),
          () => store().read(name),
          () => store().size(name),
          () => store().remove(name),
        ])
          await assert.rejects(way, TypeError, name)
    })

    test('lists every one of 10,000 names, each once, with its time', async () => {
      const begin = Date.now()
      const names = Array.from({ length: 10_000 }, () => newId())
      const listed = new Map<string, Date>()
      for await (const { name, writtenAt } of (await atHand().holding(names)).list()) {
        assert.ok(!listed.has(name))
        listed.set(name, writtenAt)
      }
      assert.deepEqual([...listed.keys()].sort(), names.sort())
      for (const at of listed.values()) assert.ok(at.getTime() > begin - 5000 && at.getTime() < Date.now() + 5000)
    })
  })
}

function inPieces(bytes: Buffer, length = 60_000): Readable {
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length; at += length) pieces.push(bytes.subarray(at, at + length))
  return Readable.from(pieces, { objectMode: false })
}

function breaksAfter(length: number): Readable {
  return Readable.from(
    (async function* () {
      for (let given = 0; given < length; given += 60_000) yield randomBytes(60_000)
      await Promise.resolve()
      throw new Error('the connection was lost')
    })(),
    { objectMode: false },
  )
}
