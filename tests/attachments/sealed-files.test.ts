import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { configureFileStore, FileMissing } from '../../server/attachments/file-store.ts'
import { folderStore } from '../../server/attachments/folder-store.ts'
import {
  readSealed,
  readSealedWhole,
  removeSealed,
  writeSealed,
  writeSealedWhole,
} from '../../server/attachments/sealed-files.ts'
import { TooLarge } from '../../server/errors.ts'
import { newId } from '../../server/lib/ids.ts'
import { EnvelopeRefused } from '../../server/vault/floe.ts'
import { padme } from '../../server/vault/padding.ts'
import { makePhonePhoto } from '../support/files.ts'

const key = randomBytes(32)
const binding = 'attachment/1'
const NO_LIMIT = Number.MAX_SAFE_INTEGER
let top: string
let folder: string

before(async () => {
  top = await mkdtemp(join(tmpdir(), 'letterlock-sealed-'))
  folder = join(top, 'files')
  configureFileStore(folderStore(folder))
})

after(() => rm(top, { recursive: true, force: true }))

describe('A sealed file', () => {
  it('gives back its bytes, whatever their number and however they end', async () => {
    const edges = [0, 1, 4099, 4100, 4101, 65557, 262111, 262112, 262113, 600000].map((length) => randomBytes(length))
    const endings = ['', '80', '00', '8000', '80000000', '008080', '0080000001'].map((hex) => Buffer.from(hex, 'hex'))
    const zeros = [Buffer.alloc(300000), Buffer.concat([Buffer.from([0x80]), Buffer.alloc(700000)])]
    for (const content of [...edges, ...endings, ...zeros]) await assertComesBack(content, content.length || 1)
  })

  it('gives back its bytes, however they arrive', async () => {
    const marks = fc.array(fc.constantFrom(0, 0, 0x80, 1), { maxLength: 400 }).map((bytes) => Buffer.from(bytes))
    await fc.assert(
      fc.asyncProperty(marks, fc.integer({ min: 1, max: 50 }), (content, piece) => assertComesBack(content, piece)),
      { numRuns: 40 },
    )
  })

  it('tells what it is from memory: size and both ends', async () => {
    const content = randomBytes(200000)
    const sealed = await writeSealed(newId(), binding, key, Readable.from(pieces(content, 1000)), NO_LIMIT)
    assert.equal(sealed.size, 200000)
    assert.deepEqual(sealed.head, content.subarray(0, 4100))
    assert.deepEqual(sealed.tail, content.subarray(-65557))
    const small = await writeSealed(newId(), binding, key, Readable.from([Buffer.from('small')]), NO_LIMIT)
    assert.deepEqual([small.head, small.tail].map(String), ['small', 'small'])
  })

  it('has a padded size on the disk: no length between two sizes of Padmé shows', async () => {
    const sizes = new Set<number>()
    for (let length = 1024; length < 1088; length += 7) {
      const id = newId()
      await writeSealedWhole(id, binding, key, randomBytes(length))
      sizes.add((await stat(pathOf(id))).size)
    }
    assert.deepEqual([...sizes], [74 + 32 + padme(1025)])
  })

  it('is readable by its owner only, and rests under the last two signs of its id', async () => {
    const id = newId()
    await writeSealedWhole(id, binding, key, Buffer.from('private'))
    assert.equal((await stat(pathOf(id))).mode & 0o777, 0o600)
    assert.equal((await stat(folder)).mode & 0o777, 0o700)
    assert.equal((await stat(join(folder, id.slice(-2)))).mode & 0o777, 0o700)
  })

  it('keeps a photo as it was, byte for byte, with whatever its camera wrote into it', async () => {
    const id = newId()
    const photo = makePhonePhoto()
    await writeSealed(id, binding, key, Readable.from([photo]), NO_LIMIT)
    assert.ok((await readSealedWhole(id, binding, key)).equals(photo))
  })

  it('is named by an id and nothing else', async () => {
    for (const name of ['../../etc/passwd', 'a', '', `${newId()}/..`, `../${newId()}`, newId().toUpperCase()]) {
      await assert.rejects(writeSealedWhole(name, binding, key, Buffer.alloc(1)), TypeError)
      await assert.rejects(removeSealed(name), TypeError)
      await assert.rejects(readSealed(name, binding, key), TypeError)
    }
  })
})

describe('A file that cannot be kept', () => {
  it('leaves nothing when it is too big, and is given up as soon as it is', async () => {
    const id = newId()
    let given = 0
    const endless = Readable.from(
      (function* () {
        for (;;) yield Buffer.alloc(65536, given++)
      })(),
    )
    await assert.rejects(writeSealed(id, binding, key, endless, 3_000_000), TooLarge)
    assert.ok(given < 100)
    assert.ok(endless.destroyed)
    assert.deepEqual(await filesOf(id), [])
    await writeSealed(newId(), binding, key, Readable.from([Buffer.alloc(100)]), 100)
    await assert.rejects(writeSealed(newId(), binding, key, Readable.from([Buffer.alloc(101)]), 100), TooLarge)
  })

  it('leaves nothing when its source breaks off', async () => {
    const id = newId()
    const broken = Readable.from(
      (async function* () {
        yield randomBytes(500000)
        throw new Error('the connection was lost')
      })(),
    )
    await assert.rejects(writeSealed(id, binding, key, broken, NO_LIMIT), /connection was lost/)
    assert.deepEqual(await filesOf(id), [])
  })

  it('lets its source go when there is no folder to write to', async () => {
    const source = Readable.from([Buffer.alloc(10)])
    configureFileStore(folderStore('/dev/null/files'))
    try {
      await assert.rejects(writeSealed(newId(), binding, key, source, NO_LIMIT), /ENOTDIR/)
      assert.ok(source.destroyed)
    } finally {
      configureFileStore(folderStore(folder))
    }
  })
})

describe('Flip/cut/swap/splice any sealed file -> refused, no partial', () => {
  const content = randomBytes(600000)

  it('any bit flipped, any length cut or added', async () => {
    const id = newId()
    await writeSealedWhole(id, binding, key, content)
    const sound = await readFile(pathOf(id))
    const changes = fc.oneof(
      fc.integer({ min: 0, max: sound.length - 1 }).map((at) => {
        const changed = Buffer.from(sound)
        changed[at] = (changed[at] ?? 0) ^ 4
        return changed
      }),
      fc.integer({ min: 0, max: sound.length - 1 }).map((at) => sound.subarray(0, at)),
      fc.integer({ min: 1, max: 70000 }).map((more) => Buffer.concat([sound, Buffer.alloc(more)])),
    )
    await fc.assert(
      fc.asyncProperty(changes, async (changed) => {
        await writeFile(pathOf(id), changed)
        await assert.rejects(readSealedWhole(id, binding, key), EnvelopeRefused)
      }),
      { numRuns: 60 },
    )
  })

  it('another file under its name, another key, another binding, no file at all', async () => {
    const [one, two] = [newId(), newId()]
    await writeSealedWhole(one, `attachment/${one}`, key, content)
    await writeSealedWhole(two, `attachment/${two}`, key, content)
    await writeFile(pathOf(one), await readFile(pathOf(two)))
    await assert.rejects(readSealedWhole(one, `attachment/${one}`, key), EnvelopeRefused)
    await assert.rejects(readSealedWhole(two, `attachment/${two}`, randomBytes(32)), EnvelopeRefused)
    await removeSealed(two)
    await assert.rejects(readSealedWhole(two, `attachment/${two}`, key), FileMissing)
  })

  it('breaks the stream where it is unsound, after whole sound segments and without an end', async () => {
    const id = newId()
    await writeSealedWhole(id, binding, key, content)
    const changed = await readFile(pathOf(id))
    changed[74 + 262144 + 1000] = (changed[74 + 262144 + 1000] ?? 0) ^ 1
    await writeFile(pathOf(id), changed)
    const stream = await readSealed(id, binding, key)
    const released: Buffer[] = []
    let ended = false
    stream.on('data', (chunk: Buffer) => released.push(chunk)).on('end', () => (ended = true))
    const error = await new Promise((resolve) => stream.on('error', resolve).on('close', resolve))
    assert.ok(error instanceof EnvelopeRefused)
    assert.equal(ended, false)
    // All that was sound but its last byte, which waits for the whole to be so.
    assert.ok(Buffer.concat(released).equals(content.subarray(0, 262111)))
  })
})

async function assertComesBack(content: Buffer, pieceLength: number): Promise<void> {
  const id = newId()
  const sealed = await writeSealed(id, binding, key, Readable.from(pieces(content, pieceLength)), NO_LIMIT)
  assert.equal(sealed.size, content.length)
  assert.ok((await readSealedWhole(id, binding, key)).equals(content))
  await removeSealed(id)
}

function pathOf(id: string): string {
  return join(folder, id.slice(-2), id)
}

async function filesOf(id: string): Promise<string[]> {
  return (await readdir(join(folder, id.slice(-2)))).filter((name) => name.includes(id))
}

function* pieces(bytes: Buffer, length: number): Iterable<Buffer> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length)
}
