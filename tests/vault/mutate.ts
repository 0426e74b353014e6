/** Random mutants of everything that is sealed, each of which has to be refused: by the server's code, and by the decryptor where it reads the same. */
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { configureFileStore, type FileStore } from '../../server/attachments/file-store.ts'
import { readSealed, readSealedPart, writeSealed } from '../../server/attachments/sealed-files.ts'
import { newId } from '../../server/lib/ids.ts'
import { projectRoot } from '../../server/lib/root.ts'
import {
  BODY_SEGMENT,
  EnvelopeRefused,
  FIELD_SEGMENT,
  FILE_SEGMENT,
  sealEnvelope,
  unsealEnvelope,
} from '../../server/vault/floe.ts'
import { hpkeOpen, hpkeSeal, makeKeyPair } from '../../server/vault/hpke.ts'
import {
  makeMasterKey,
  MasterKeyProblem,
  sealUnderMaster,
  unsealUnderMaster,
  useMasterKey,
} from '../../server/vault/master-key.ts'
import { padToBucket, unpad } from '../../server/vault/padding.ts'
import { sealToPublic, unsealWithPrivate } from '../../server/vault/public-seal.ts'
import { newKey, unwrapKey, unwrapUnderMaster, wrapKey, wrapUnderMaster } from '../../server/vault/wrap.ts'
import type { Seeded } from '../support/seeded.ts'

interface Decryptor {
  Refused: new () => Error
  openWhole(key: Buffer, binding: string, envelope: Buffer): Buffer
  openWrap(key: Buffer, binding: string, wrap: Buffer): Buffer
  openHpke(privateHalf: Buffer, binding: string, sealed: Buffer): Buffer
  openSealedToPublic(privateHalf: Buffer, binding: string, sealed: Buffer): Buffer
}

/** Something sealed, and who opens it. */
export interface Sealed {
  what: string
  bytes: Buffer
  /** Others of its kind: of another row, another key, or the same place at another time. None of them may pass for it when it is mixed with this one. */
  others: Buffer[]
  /** Those of them that belong elsewhere, and must be refused as they are. */
  strangers: Buffer[]
  /** Ways to open it; each has to refuse every mutant. A stream gives back what it released before it refused. */
  open: ((bytes: Buffer) => unknown)[]
}

export interface Survivor {
  what: string
  how: string
  /** What happened instead of a refusal. */
  result: string
}

/** How often this is drawn, in a thousand: files are a thousand times larger than wraps. */
const FILES_IN_A_THOUSAND = 40

/** @returns mutants that were not refused, of `count`, and how many there were of each kind */
export async function tryMutants(
  count: number,
  random: Seeded,
): Promise<{ survivors: Survivor[]; tried: Map<string, number> }> {
  const decryptor = (await import(pathToFileURL(join(projectRoot, 'scripts/decrypt-message.mjs')).href)) as Decryptor
  const small = smallThings(random, decryptor)
  const files = await sealedFiles(random)
  const survivors: Survivor[] = []
  const tried = new Map<string, number>()
  for (const sealed of [...small, ...files]) await mustOpen(sealed)
  for (let done = 0; done < count;) {
    const sealed = random.pick(random.below(1000) < FILES_IN_A_THOUSAND ? files : small)
    const how = random.pick(Object.keys(WAYS))
    const mutant = WAYS[how]!(sealed, random)
    // Nothing was changed, or what came out is another sound one of the very same place: no mutant.
    if (
      mutant.equals(sealed.bytes) ||
      (sealed.others.some((other) => other.equals(mutant)) && !sealed.strangers.includes(mutant))
    )
      continue
    done++
    for (const label of [sealed.what, how]) tried.set(label, (tried.get(label) ?? 0) + 1)
    for (const open of sealed.open) {
      const result = await refusal(() => open(mutant), decryptor)
      if (result) survivors.push({ what: sealed.what, how, result })
    }
  }
  return { survivors, tried }
}

async function mustOpen({ what, bytes, open }: Sealed) {
  for (const each of open)
    try {
      await each(bytes)
    } catch (error) {
      throw new Error(`${what} does not open as it is: ${(error as Error).message}`)
    }
}

/** @returns undefined when it was refused in the words that the server knows */
async function refusal(open: () => unknown, decryptor: Decryptor): Promise<string | undefined> {
  try {
    await open()
    return 'it opened'
  } catch (error) {
    if (error instanceof EnvelopeRefused || error instanceof MasterKeyProblem || error instanceof decryptor.Refused)
      return undefined
    return `${(error as Error).name}: ${(error as Error).message}`
  }
}

function smallThings(random: Seeded, decryptor: Decryptor): Sealed[] {
  const [key, otherKey] = [newKey(), newKey()]
  const [pair, otherPair] = [makeKeyPair(), makeKeyPair()]
  useMasterKey([1, 2, 3].map((version) => makeMasterKey(version)).join('\n'))
  const secret = newKey()
  const text = (length: number) => padToBucket('x'.repeat(length))

  /** Seals one thing in its place, again in the same, in another, and under another key. */
  function made(
    what: string,
    seal: (key: 'right' | 'other', binding: string) => Buffer,
    open: ((bytes: Buffer, binding: string) => unknown)[],
  ): Sealed {
    const binding = `mutants/${newId()}`
    const strangers = [seal('right', `mutants/${newId()}`), seal('other', binding)]
    return {
      what,
      bytes: seal('right', binding),
      others: [seal('right', binding), ...strangers],
      strangers,
      open: open.map((each) => (bytes) => each(bytes, binding)),
    }
  }

  const envelopes = (
    [
      ['a field', 30, FIELD_SEGMENT],
      ['a field of several segments', 9000, FIELD_SEGMENT],
      ['a text', 400, BODY_SEGMENT],
      ['a text of several segments', 90_000, BODY_SEGMENT],
    ] as const
  ).map(([what, length, segment]) =>
    made(
      what,
      (whose, binding) =>
        sealEnvelope(whose === 'right' ? key : otherKey, binding, text(length + random.below(20)), segment),
      [
        (bytes, binding) => unpad(unsealEnvelope(key, binding, bytes)),
        (bytes, binding) => decryptor.openWhole(key, binding, bytes),
      ],
    ),
  )
  const keyFor = (whose: 'right' | 'other') => (whose === 'right' ? key : otherKey)
  const publicFor = (whose: 'right' | 'other') => (whose === 'right' ? pair : otherPair).publicKey
  return [
    ...envelopes,
    made('an opener', (whose, binding) => sealEnvelope(keyFor(whose), binding, secret, FIELD_SEGMENT), [
      (bytes, binding) => unsealEnvelope(key, binding, bytes),
      (bytes, binding) => decryptor.openWhole(key, binding, bytes),
    ]),
    made('a wrap', (whose, binding) => wrapKey(keyFor(whose), binding, secret), [
      (bytes, binding) => unwrapKey(key, binding, bytes),
      (bytes, binding) => decryptor.openWrap(key, binding, bytes),
    ]),
    made('a key to a public half', (whose, binding) => hpkeSeal(publicFor(whose), binding, secret), [
      (bytes, binding) => hpkeOpen(pair, binding, bytes),
      (bytes, binding) => decryptor.openHpke(pair.privateKey, binding, bytes),
    ]),
    made('anything to a public half', (whose, binding) => sealToPublic(publicFor(whose), binding, text(200)), [
      (bytes, binding) => unsealWithPrivate(pair, binding, bytes),
      (bytes, binding) => decryptor.openSealedToPublic(pair.privateKey, binding, bytes),
    ]),
    made('a thread key, quick', (whose, binding) => wrapUnderMaster(binding, wrapKey(keyFor(whose), binding, secret)), [
      (bytes, binding) => unwrapKey(key, binding, unwrapUnderMaster(binding, bytes)),
    ]),
    made(
      'a thread key, to a public half',
      (whose, binding) => wrapUnderMaster(binding, hpkeSeal(publicFor(whose), binding, secret)),
      [(bytes, binding) => hpkeOpen(pair, binding, unwrapUnderMaster(binding, bytes))],
    ),
    made(
      'something under the master key',
      (whose, binding) => sealUnderMaster(whose === 'right' ? 'keys' : 'waiting', binding, secret),
      [(bytes, binding) => unsealUnderMaster('keys', binding, bytes)],
    ),
  ]
}

/** Files as they are read: as a stream, and by a part. The store gives whatever bytes it is told. */
async function sealedFiles(random: Seeded): Promise<Sealed[]> {
  let stored: Buffer = Buffer.alloc(0)
  configureFileStore(
    storeOf(
      () => stored,
      (bytes) => (stored = bytes),
    ),
  )
  const key = newKey()
  const sealed = async (id: string, content: Buffer, under = key) => {
    await writeSealed(id, `attachment/${id}`, under, Readable.from([content]), content.length)
    return stored
  }
  const files: Sealed[] = []
  for (const size of [100, 262_112, 600_000]) {
    const id = newId()
    const content = Buffer.alloc(size, random.bytes(97))
    const bytes = await sealed(id, content)
    const strangers = [await sealed(newId(), content), await sealed(id, content, newKey())]
    const others = [await sealed(id, content), ...strangers]
    const from = size >> 1
    const whole = async (changed: Buffer) => {
      stored = changed
      await readThrough(await readSealed(id, `attachment/${id}`, key), content)
    }
    const part = async (changed: Buffer) => {
      if (!changed.equals(bytes) && sameForPart(bytes, changed, from)) return whole(changed)
      stored = changed
      const read = await readSealedPart(id, `attachment/${id}`, key, { size, from, to: size })
      await readThrough(read, content.subarray(from))
    }
    files.push({ what: `a file of ${size} bytes`, bytes, others, strangers, open: [whole, part] })
  }
  return files
}

/** A part does not look at the segments before it, and has no business to: what was changed there only the whole file finds. */
function sameForPart(bytes: Buffer, changed: Buffer, from: number): boolean {
  const first = HEADER + Math.floor(from / (FILE_SEGMENT - 32)) * FILE_SEGMENT
  const same = (start: number, end: number) => bytes.subarray(start, end).equals(changed.subarray(start, end))
  return changed.length === bytes.length && same(0, HEADER) && same(first, bytes.length)
}

const HEADER = 74

/** Whatever leaves before a refusal has to be the beginning of what was sealed, and never all of it. */
async function readThrough(stream: Readable, content: Buffer): Promise<void> {
  let released = 0
  try {
    for await (const chunk of stream) {
      const clear = chunk as Buffer
      if (!content.subarray(released, released + clear.length).equals(clear))
        throw new Error('something else was released')
      released += clear.length
    }
  } catch (error) {
    if (released >= content.length && content.length > 0) throw new Error('all of it was released')
    throw error
  }
}

function storeOf(read: () => Buffer, keep: (bytes: Buffer) => void): FileStore {
  return {
    async write(_name, bytes) {
      const chunks: Buffer[] = []
      for await (const chunk of bytes) chunks.push(chunk as Buffer)
      keep(Buffer.concat(chunks))
    },
    read: (_name, from = 0, to = Infinity) => Promise.resolve(Readable.from(pieces(read().subarray(from, to)))),
    size: () => Promise.resolve(read().length),
    remove: () => Promise.resolve(),
    async *list() {},
    removeHalves: () => Promise.resolve(),
  }
}

function* pieces(bytes: Buffer) {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536)
}

/** Bytes that are not the envelope's own: in front of those under the master key stands a version. */
const WAYS: Record<string, (sealed: Sealed, random: Seeded) => Buffer> = {
  flip: ({ bytes }, random) => {
    const copy = Buffer.from(bytes)
    for (let left = 1 + random.below(4); left > 0; left--) copy[random.below(copy.length)]! ^= 1 << random.below(8)
    return copy
  },
  'flip in the beginning': ({ bytes }, random) => {
    const copy = Buffer.from(bytes)
    copy[random.below(Math.min(120, copy.length))]! ^= 1 << random.below(8)
    return copy
  },
  'cut at the end': ({ bytes }, random) => bytes.subarray(0, random.below(bytes.length)),
  'cut at the beginning': ({ bytes }, random) => bytes.subarray(1 + random.below(bytes.length)),
  'cut at a segment': ({ bytes }, random) => {
    const length = random.pick([4096, 65_536, 262_144])
    return bytes.subarray(0, 74 + length * random.below(1 + Math.floor(bytes.length / length)))
  },
  'cut out of the middle': ({ bytes }, random) => {
    const [from, to] = between(bytes, random)
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)])
  },
  'a piece doubled': ({ bytes }, random) => {
    const [from, to] = between(bytes, random)
    return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)])
  },
  'two pieces swapped': ({ bytes }, random) => {
    const length = 1 + random.below(Math.min(64, bytes.length >> 1))
    const copy = Buffer.from(bytes)
    const [one, two] = [random.below(bytes.length - length), random.below(bytes.length - length)]
    bytes.copy(copy, one, two, two + length)
    bytes.copy(copy, two, one, one + length)
    return copy
  },
  'two segments swapped': ({ bytes }, random) => {
    const length = random.pick([4096, 65_536, 262_144])
    const count = Math.floor((bytes.length - 74) / length)
    if (count < 2) return bytes
    const copy = Buffer.from(bytes)
    const [one, two] = [74 + length * random.below(count), 74 + length * random.below(count)]
    bytes.copy(copy, one, two, two + length)
    bytes.copy(copy, two, one, one + length)
    return copy
  },
  'spliced with another': ({ bytes, others }, random) => {
    const at = random.below(bytes.length)
    return Buffer.concat([bytes.subarray(0, at), random.pick(others).subarray(at)])
  },
  'its header on another': ({ bytes, others }, random) => {
    const at = random.pick([4, 10, 12, 42, 65, 74, 113])
    return Buffer.concat([bytes.subarray(0, at), random.pick(others).subarray(at)])
  },
  'another row in its place': ({ strangers }, random) => random.pick(strangers),
  extended: ({ bytes, others }, random) =>
    Buffer.concat([
      bytes,
      random.pick([Buffer.alloc(1 + random.below(64)), random.bytes(1 + random.below(64)), random.pick(others)]),
    ]),
  'something in front': ({ bytes }, random) => Buffer.concat([random.bytes(1 + random.below(16)), bytes]),
  emptied: () => Buffer.alloc(0),
  'header parameters': ({ bytes }, random) => {
    const copy = Buffer.from(bytes)
    // Where the envelope begins: at once, behind a version, or behind a sealed key.
    const start = random.pick([0, 4, 113].filter((at) => at + 10 <= copy.length))
    if (random.below(2) === 0)
      copy.writeUInt32BE(random.pick([0, 1, 64, 4096, 65_536, 262_144, 1_048_576, 0xffffffff]), start + 2)
    else copy[start + random.pick([0, 1, 6, 7, 8, 9])] = random.below(256)
    return copy
  },
  'an older or other version': ({ bytes }, random) => {
    const copy = Buffer.from(bytes)
    copy.writeUInt32BE(random.pick([0, 1, 2, 3, 4, 0xffffffff]))
    return copy
  },
  'a run of zeros': ({ bytes }, random) => {
    const copy = Buffer.from(bytes)
    const at = random.below(copy.length)
    return copy.fill(0, at, Math.min(copy.length, at + 1 + random.below(32)))
  },
  'a run of random bytes': ({ bytes }, random) => {
    const copy = Buffer.from(bytes)
    random.bytes(1 + random.below(32)).copy(copy, random.below(copy.length))
    return copy
  },
}

function between(bytes: Buffer, random: Seeded): [number, number] {
  const [one, two] = [random.below(bytes.length), random.below(bytes.length)]
  return [Math.min(one, two), Math.max(one, two) + 1]
}
