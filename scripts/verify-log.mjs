#!/usr/bin/env node
/**
 * node scripts/verify-log.mjs FILE [--checkpoint FILE …] [--key KEY]: checks an exported access log on any machine with Node 20, without a server, a
 * network or any other file of Letterlock.
 *
 * FILE is what `npm run export-log` wrote. Beside it lie FILE.checkpoints (signed statements of what the log was) and FILE.vkey (whose signature
 * counts). `--checkpoint` holds the log against one that left the machine earlier, also inside a saved mail, and `--key` names a key that you keep, or a
 * file that holds it: whoever can change the log can also change what lies beside it, so the proof rests on these two.
 *
 * FILE may also be a receipt that somebody who sent a message downloaded: it brings its own proofs and checkpoint, and names the key.
 * Or a part of the log, as the console exports it with its proofs: key and checkpoint stand in its first line, and each event is held against that
 * checkpoint by the hashes beside its way to the root. That shows that each of them is in the log, and not that none was left out.
 *
 * Ends with 0 and the number of events, or with 1 and the first leaf that is not what was signed.
 * Formats: RFC 6962 section 2.1 and RFC 9162 section 2.1.3 (tree and inclusion proofs), C2SP signed-note, tlog-checkpoint and tlog-proof, docs/access-log.md (leaves, receipts).
 */
import { createHash, createPublicKey, verify } from 'node:crypto'
import { closeSync, createReadStream, existsSync, openSync, readFileSync, readSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'

/** What stands before the 32 bytes of an Ed25519 key in its usual encoding (RFC 8410). */
const SPKI = Buffer.from('302a300506032b6570032100', 'hex')
const [LEAF, NODE] = [Buffer.from([0]), Buffer.from([1])]
/** Where in an event the digest of its details stands. */
const DETAILS = 12
/** The log's name, how many events, the tree's root, what else is said, an empty line, signatures. */
const NOTE =
  /^([^\s+]+\/access-log\/\d+\n\d+\n[A-Za-z0-9+/]{43}=\n(?:[^\n]+\n)*)\n((?:\u2014 \S+ [A-Za-z0-9+/]+=*(?:\n|$))+)/gm

/** What each act of the log is called in a receipt. */
const RECEIPT_KINDS = {
  'message.dropped': 'sent',
  'notice.sent': 'noticed',
  'link.fetched': 'link-fetched',
  'account.enrolled': 'signed-in',
  'account.signed-in': 'signed-in',
  'message.opened': 'displayed',
  'attachment.previewed': 'file-displayed',
  'attachment.downloaded': 'file-downloaded',
  'message.recalled': 'taken-back',
  'message.erased': 'erased',
}
const FIRST_WORDS = 'Letterlock receipt'
const RECEIPT =
  /^(Letterlock receipt\n(?:[^\n]+\n)+)\n(\u2014 \S+ [A-Za-z0-9+/]+=*\n)((?:\nc2sp\.org\/tlog-proof@v1\n(?:[^\n]+\n)+\n(?:[^\n]+\n)+\n(?:\u2014 [^\n]+\n)+)+)$/
const PROOF =
  /c2sp\.org\/tlog-proof@v1\nextra ([A-Za-z0-9+/]+=*)\nindex (\d{1,15})\n((?:[A-Za-z0-9+/]{43}=\n)*)\n((?:[^\n]+\n)+\n(?:\u2014 [^\n]+\n)+)/g
const EVENT_LINE =
  /^event: leaf (\d{1,15}) ([a-z-]+) (\S+)(?: file ([0-9a-f-]{36}))?(?: account ([0-9a-f-]{36}))?(?: by (\S+))?(?: \(.*\))?$/

const PART = '{"format":"letterlock-events-1"'
/** What the lines of a part have, in this order and nothing else. */
const [BEGIN_OF_PART, EVENT_IN_PART] = ['format,log,key,checkpoint,filter', 'leaf,hash,event,details,proof,says']
const [EARLIER_IN_PART, END_OF_PART] = ['checkpoint,consistency', 'events']

class Wrong extends Error {}

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { checkpoint: { type: 'string', multiple: true }, key: { type: 'string' } },
  })
  const [file, ...more] = positionals
  if (!file || more.length > 0)
    throw new Wrong('Say which file: node scripts/verify-log.mjs FILE [--checkpoint FILE] [--key KEY]')
  const kept = values.checkpoint ?? []
  if (beginsWith(file, PART)) await checkPart(file, values.key, kept)
  else if (beginsWith(file, FIRST_WORDS))
    tellReceipt(readReceipt(read(file), values.key, kept), values.key !== undefined)
  else await checkLog(file, values.key, kept)
} catch (error) {
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
}

async function checkLog(file, givenKey, kept) {
  const key = readKey(findKey(file, givenKey))
  const beside = existsSync(`${file}.checkpoints`) && read(`${file}.checkpoints`).trim() ? [`${file}.checkpoints`] : []
  const checkpoints = [...beside, ...kept].flatMap((path) => readCheckpoints(path, key))
  if (checkpoints.length === 0)
    throw new Wrong('There is no checkpoint to hold the log against. Name one with --checkpoint.')
  tell(await readLog(file, key, checkpoints), key, { kept: kept.length > 0, keyKept: givenKey !== undefined })
}

function read(path) {
  if (!existsSync(path)) throw new Wrong(`There is no file ${path}.`)
  return readFileSync(path, 'utf8').replaceAll('\r\n', '\n')
}

function findKey(file, given) {
  if (given) return existsSync(given) ? read(given) : given
  if (existsSync(`${file}.vkey`)) return read(`${file}.vkey`)
  throw new Wrong(`There is no key: ${file}.vkey does not exist. Name one with --key.`)
}

/** C2SP verifier key: name, hash of name and key, type (1: Ed25519) and key. */
function readKey(text) {
  const [, name, hash, encoded] = /^([^\s+]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text.trim()) ?? []
  const bytes = Buffer.from(encoded ?? '', 'base64')
  const id = sha256(Buffer.from(`${name}\n`), bytes).subarray(0, 4)
  if (!name || bytes.length !== 33 || bytes[0] !== 1 || id.toString('hex') !== hash)
    throw new Wrong('This is no verifier key (NAME+HASH+BASE64), or it is not whole.')
  if (!name.endsWith('/access-log')) throw new Wrong(`This key is for another kind of note (${name}).`)
  const der = Buffer.concat([SPKI, bytes.subarray(1)])
  return { text: text.trim(), name, id, bytes, publicKey: createPublicKey({ key: der, format: 'der', type: 'spki' }) }
}

/** By its first words; a log may be too large to be read at once. */
function beginsWith(file, words) {
  if (!existsSync(file)) return false
  const begin = Buffer.alloc(words.length)
  const opened = openSync(file, 'r')
  readSync(opened, begin)
  closeSync(opened)
  return begin.toString() === words
}

/** The receipt is signed, each of its events stands in the tree of its checkpoint, and what the line says is what the leaf says. */
function readReceipt(receipt, givenKey, kept) {
  const [, text, signature, proofs] = RECEIPT.exec(receipt) ?? []
  if (!text) throw new Wrong('This receipt is not whole, or something was put into it.')
  const lines = text.trimEnd().split('\n')
  const said = (name) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2)
  const key = readKey(givenKey ? (existsSync(givenKey) ? read(givenKey) : givenKey) : (said('key') ?? ''))
  mustBeSigned(text, signature, key)
  const proved = new Map(
    [...proofs.matchAll(PROOF)].map((proof) => readProof(proof, key)).map((each) => [each.leaf, each]),
  )
  const events = lines.filter((line) => line.startsWith('event: '))
  if (events.length === 0 || proved.size !== events.length)
    throw new Wrong('The receipt has not one proof for each of its events.')
  for (const line of events) mustSayTheSame(line, proved, said('message'))
  const [{ checkpoint }, ...more] = proved.values()
  if (more.some((each) => each.checkpoint.whole !== checkpoint.whole))
    throw new Wrong('The receipt has more than one checkpoint.')
  const others = kept.flatMap((path) => readCheckpoints(path, key)).filter((each) => each.origin === checkpoint.origin)
  for (const { size, root } of others)
    if (size === checkpoint.size && !root.equals(checkpoint.root))
      throw new Wrong(`The checkpoint that you kept of ${size} events is of another tree than the receipt's.`)
  return {
    key,
    message: said('message'),
    events,
    checkpoint,
    isKept: others.some(({ size }) => size === checkpoint.size),
  }
}

/** By the same key as the log, under the name of receipts. */
function mustBeSigned(text, line, key) {
  const name = key.name.replace(/access-log$/, 'receipt')
  const id = sha256(Buffer.from(`${name}\n`), key.bytes).subarray(0, 4)
  const [, by, encoded] = /^\u2014 (\S+) (\S+)\n$/.exec(line)
  const bytes = fromBase64(encoded)
  if (
    by !== name ||
    !bytes.subarray(0, 4).equals(id) ||
    !verify(null, Buffer.from(text), key.publicKey, bytes.subarray(4))
  )
    throw new Wrong('The receipt is not signed with the key, or it was changed.')
}

function readProof([, extra, index, hashes, note], key) {
  const [checkpoint] = notesIn(note, 'the receipt', key)
  if (!checkpoint || note !== checkpoint.whole) throw new Wrong('A checkpoint in the receipt is not whole.')
  const leaf = Number(index)
  const bytes = fromBase64(extra)
  if (leaf >= checkpoint.size) throw new Wrong(`Leaf ${leaf}: the checkpoint in the receipt does not reach it.`)
  const beside = hashes.trimEnd().split('\n').filter(Boolean).map(fromBase64)
  if (!isIncluded(sha256(LEAF, bytes), leaf, checkpoint.size, beside, checkpoint.root))
    throw new Wrong(`Leaf ${leaf}: it does not stand in the log that was signed.`)
  return { leaf, event: parse(bytes.toString(), leaf), checkpoint }
}

function mustSayTheSame(line, proved, message) {
  const [, leaf, kind, at, file, account, strength] = EVENT_LINE.exec(line) ?? []
  const event = proved.get(Number(leaf))?.event
  if (!Array.isArray(event)) throw new Wrong(`There is no proof for "${line}".`)
  const [form, , when, actorKind, actorId, , howStrongly, act, , subjectId, outcome] = event
  const isSignIn = kind === 'signed-in'
  const isSame =
    form === 'letterlock-event-1' &&
    RECEIPT_KINDS[act] === kind &&
    outcome === 'done' &&
    `${when.slice(0, 23)}Z` === at &&
    (isSignIn || subjectId === (file ?? message)) &&
    (actorKind === 'account' ? actorId === account : account === undefined) &&
    (!isSignIn || howStrongly === strength)
  if (!isSame) throw new Wrong(`Leaf ${leaf} does not say what the receipt says of it: "${line}".`)
}

/** Each text has one reading, so that no character can be changed without being seen. */
function fromBase64(text) {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') !== text) throw new Wrong('The receipt is garbled.')
  return bytes
}

function tellReceipt({ key, message, events, checkpoint, isKept }, keyKept) {
  const say = (line) => process.stdout.write(`${line}\n`)
  say(
    `GOOD: a receipt for message ${message}. Its ${events.length} events stand in the log that was signed (${checkpoint.origin}, ${checkpoint.size} events).`,
  )
  for (const line of events) say(`  ${line.slice('event: '.length)}`)
  say(`Signed with ${key.text}`)
  if (isKept) say('Its checkpoint is one that you kept.')
  else
    say(
      'Its checkpoint came with it. To hold it against the log, check an export of the log with --checkpoint and this receipt.',
    )
  if (!keyKept) say('The key lay in the receipt. Compare it with the one that you keep: --key KEY')
}

/** Every note in the file. One that is not signed with the key, or is of another log, ends it all. */
function readCheckpoints(path, key) {
  const notes = notesIn(read(path), path, key)
  if (notes.length === 0) throw new Wrong(`${path} holds no checkpoint.`)
  return notes
}

function notesIn(said, path, key) {
  return [...said.matchAll(NOTE)].map(([whole, text, signatures]) => {
    const [origin, size, root, ...says] = text.trimEnd().split('\n')
    const isSigned = [...signatures.matchAll(/^\u2014 (\S+) (\S+)$/gm)].some(([, name, encoded]) => {
      const bytes = Buffer.from(encoded, 'base64')
      const isBy = name === key.name && bytes.subarray(0, 4).equals(key.id)
      return isBy && verify(null, Buffer.from(text), key.publicKey, bytes.subarray(4))
    })
    if (!isSigned) throw new Wrong(`A checkpoint in ${path} (${origin}, ${size} events) is not signed with the key.`)
    if (!origin.startsWith(`${key.name}/`)) throw new Wrong(`A checkpoint in ${path} is of another log: ${origin}.`)
    const epoch = Number(origin.slice(key.name.length + 1))
    return { whole, origin, epoch, size: Number(size), root: Buffer.from(root, 'base64'), says }
  })
}

/** A part of the log: each line by itself against the checkpoint in the first one, and that against those that were kept. */
async function checkPart(file, givenKey, keptIn) {
  const header = await firstLine(file)
  const key = readKey(findKey(file, givenKey ?? String(header.key)))
  const kept = keptIn.flatMap((path) => readCheckpoints(path, key))
  tellPart(await readPart(file, key, header, kept), key, { kept: kept.length, keyKept: givenKey !== undefined })
}

async function firstLine(file) {
  for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Infinity }))
    return parseLine(text, 1)
}

async function readPart(file, key, header, kept) {
  if (Object.keys(header).join() !== BEGIN_OF_PART)
    throw new Wrong('Line 1: it does not say what such a file says first.')
  if (header.log !== key.name) throw new Wrong(`This is the log of ${header.log}, and the key is that of ${key.name}.`)
  const [checkpoint] = notesIn(String(header.checkpoint), file, key)
  if (!checkpoint) throw new Wrong('Line 1: there is no checkpoint in it.')
  const open = new Map(kept.map((each) => [nameOf(each), each]))
  open.delete(nameOf(checkpoint))
  const seen = new Set()
  let [number, said] = [0, undefined]
  for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    number++
    if (number === 1) continue
    const line = parseLine(text, number)
    if (said !== undefined) throw new Wrong(`Line ${number}: something was added behind the end.`)
    mustBeAsWritten(line, text, number)
    if ('stray' in line) throw new Wrong(`Line ${number}: event ${line.stray} (${line.at}) has no place in the log.`)
    switch (Object.keys(line).join()) {
      case END_OF_PART:
        said = line.events
        break
      case EARLIER_IN_PART:
        holdEarlier(line, number, checkpoint, notesIn(String(line.checkpoint), file, key)[0], open)
        break
      case EVENT_IN_PART:
        holdLeaf(line, number, checkpoint, seen)
        break
      default:
        throw new Wrong(`Line ${number}: it is none of the lines that such a file has.`)
    }
  }
  if (said === undefined) throw new Wrong(`Line ${number}: the file ends here, before it says how many events it has.`)
  if (said !== seen.size) throw new Wrong(`Line ${number}: the file says ${said} events and has ${seen.size}.`)
  const [without] = open.values()
  if (without)
    throw new Wrong(
      `There is no proof in this file for the checkpoint of ${without.size} events (${without.origin}). Name the last one of a day, or check a whole export.`,
    )
  return { size: seen.size, checkpoint }
}

/** A name that stands twice in a line, or a number written in another way, would be read as one thing here and shown as another elsewhere. */
function mustBeAsWritten(line, text, number) {
  if (JSON.stringify(line) !== text) throw new Wrong(`Line ${number}: it is not as it was written.`)
}

function holdLeaf(line, number, { size, root }, seen) {
  const { leaf, event, proof } = line
  if (!Number.isSafeInteger(leaf) || !Array.isArray(event) || !Array.isArray(proof))
    throw new Wrong(`Line ${number}: it is garbled.`)
  if (seen.has(leaf)) throw new Wrong(`Line ${number}: leaf ${leaf} was there before.`)
  seen.add(leaf)
  const hash = sha256(LEAF, Buffer.from(JSON.stringify(event)))
  if (!isIncluded(hash, leaf, size, proof.map(inBytes), root))
    throw new Wrong(`Line ${number}: ${named(event)} is not what was signed as leaf ${leaf}.`)
  if (hash.toString('base64') !== line.hash) throw new Wrong(`Line ${number}: its hash is that of another event.`)
  if (event[0] === 'letterlock-missing-event-1')
    throw new Wrong(`Line ${number}: ${named(event)} was taken away before it had a place.`)
  // Those from before the server knew its own stand at the log's beginning, and where that ends a part does not show.
  if (event[0] !== 'letterlock-event-1')
    throw new Wrong(
      `Line ${number}: ${named(event)} was not recorded by the server, or before it knew its own. Which of the two a whole export shows (npm run export-log).`,
    )
  if (line.details !== event[DETAILS])
    throw new Wrong(`Line ${number}: the sealed details of ${named(event)} were changed or taken away.`)
}

function holdEarlier(line, number, later, earlier, open) {
  if (!earlier || earlier.size >= later.size) throw new Wrong(`Line ${number}: it holds no earlier checkpoint.`)
  const wanted = open.get(nameOf(earlier))
  if (!isConsistent(earlier, later, line.consistency.map(inBytes)))
    throw new Wrong(
      `Line ${number}: the log of ${later.size} events does not contain that of ${earlier.size} (${earlier.origin}).`,
    )
  if (wanted) open.delete(nameOf(earlier))
}

function nameOf({ origin, size, root }) {
  return `${origin} ${size} ${root.toString('base64')}`
}

function inBytes(encoded) {
  return Buffer.from(String(encoded), 'base64')
}

/** RFC 9162 section 2.1.3.2 */
function isIncluded(leaf, index, size, proof, root) {
  if (index < 0 || index >= size || proof.some(({ length }) => length !== 32)) return false
  let [at, last, hash] = [index, size - 1, leaf]
  for (const beside of proof) {
    if (last === 0) return false
    if (at % 2 === 1 || at === last) {
      hash = sha256(NODE, beside, hash)
      for (; at % 2 === 0 && at !== 0; at = Math.floor(at / 2)) last = Math.floor(last / 2)
    } else hash = sha256(NODE, hash, beside)
    at = Math.floor(at / 2)
    last = Math.floor(last / 2)
  }
  return last === 0 && hash.equals(root)
}

/** RFC 9162 section 2.1.4.2 */
function isConsistent(earlier, later, proof) {
  if (earlier.size < 1 || earlier.size > later.size || proof.some(({ length }) => length !== 32)) return false
  if (earlier.size === later.size) return proof.length === 0 && earlier.root.equals(later.root)
  const path = Number.isInteger(Math.log2(earlier.size)) ? [earlier.root, ...proof] : [...proof]
  let [at, last] = [earlier.size - 1, later.size - 1]
  for (; at % 2 === 1; at = Math.floor(at / 2)) last = Math.floor(last / 2)
  const first = path.shift()
  if (!first) return false
  let [before, now] = [first, first]
  for (const hash of path) {
    if (last === 0) return false
    if (at % 2 === 1 || at === last) {
      before = sha256(NODE, hash, before)
      now = sha256(NODE, hash, now)
      for (; at % 2 === 0 && at !== 0; at = Math.floor(at / 2)) last = Math.floor(last / 2)
    } else now = sha256(NODE, now, hash)
    at = Math.floor(at / 2)
    last = Math.floor(last / 2)
  }
  return last === 0 && before.equals(earlier.root) && now.equals(later.root)
}

function parseLine(text, number) {
  try {
    const line = JSON.parse(text)
    if (line && typeof line === 'object') return line
  } catch {
    // said below
  }
  throw new Wrong(`Line ${number}: it is garbled.`)
}

function tellPart({ size, checkpoint }, key, { kept, keyKept }) {
  const say = (line) => process.stdout.write(`${line}\n`)
  say(`GOOD: ${size} events, each of them as it was signed (${checkpoint.origin}, ${checkpoint.size} events).`)
  say('They are a part of the log. That none was left out only a whole export shows (npm run export-log).')
  say('What stands under "says" is for reading: of it the log has a digest of the sealed bytes.')
  say(`Signed with ${key.text}`)
  if (kept === 0)
    say('The checkpoint lay in the file. Hold it against one that left the machine earlier: --checkpoint FILE')
  if (!keyKept) say('The key lay in the file. Compare it with the one that you keep: --key KEY')
}

async function readLog(file, key, unsorted) {
  if (!existsSync(file)) throw new Wrong(`There is no file ${file}.`)
  const checkpoints = unsorted.toSorted((one, other) => one.size - other.size)
  const tree = []
  let [size, next, signedUpTo, isProved] = [0, 0, 0, false]
  let header

  /** Where a change began cannot be told more exactly than from one checkpoint to the next when the tree's own hashes were changed with it. */
  const holdAgainstCheckpoints = () => {
    for (; checkpoints[next]?.size === size; next++) {
      if (!rootOf(tree).equals(checkpoints[next].root))
        throw new Wrong(
          `Leaf ${signedUpTo}: from here to leaf ${size - 1} the log is not what was signed (${checkpoints[next].origin}).${afterEpoch(checkpoints, checkpoints[next])}`,
        )
      signedUpTo = size
    }
  }

  for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    const line = parse(text, size)
    if (!header) {
      header = line
      if (line.format !== 'letterlock-log-1') throw new Wrong('This is not an exported access log.')
      if (line.log !== key.name) throw new Wrong(`This is the log of ${line.log}, and the key is that of ${key.name}.`)
      holdAgainstCheckpoints()
      continue
    }
    if ('stray' in line)
      throw new Wrong(
        `Leaf ${size}: there is none for event ${line.stray} (${line.at}), which came into the log by another way.`,
      )
    if (line.leaf !== size) throw new Wrong(`Leaf ${size}: it is missing, or not where it was.`)
    const { event } = line
    if (!Array.isArray(event)) throw new Wrong(`Leaf ${size}: its place in the log is gone.`)
    const hash = sha256(LEAF, Buffer.from(JSON.stringify(event)))
    if (hash.toString('base64') !== line.hash)
      throw new Wrong(`Leaf ${size}: ${named(event)} was changed or taken away.`)
    const [kind] = event
    if (kind === 'letterlock-missing-event-1')
      throw new Wrong(`Leaf ${size}: ${named(event)} was taken away before it had a place.`)
    if (kind === 'letterlock-event-1') isProved = true
    // Events from before the server knew its own by a MAC stand at the beginning, and nowhere else.
    else if (kind !== 'letterlock-unproved-event-1' || isProved)
      throw new Wrong(`Leaf ${size}: ${named(event)} was not recorded by the server.`)
    if (line.details !== event[DETAILS])
      throw new Wrong(`Leaf ${size}: the sealed details of ${named(event)} were changed or taken away.`)
    add(tree, size, hash)
    size++
    holdAgainstCheckpoints()
  }
  if (!header) throw new Wrong('The file is empty.')
  if (size !== header.size) throw new Wrong(`Leaf ${size}: the export ends here, before its ${header.size} events.`)
  const later = checkpoints[next]
  if (later)
    throw new Wrong(
      `Leaf ${size}: the log ends here, and ${later.size} events were signed (${later.origin}). What came after was cut off.${afterEpoch(checkpoints, later)}`,
    )
  return { size, last: checkpoints.at(-1) }
}

function named([kind, id, at]) {
  return kind?.startsWith?.('letterlock-') ? `event ${id} (${at})` : 'an event'
}

/** When the one that does not fit was signed before an older database came back. */
function afterEpoch(checkpoints, { epoch }) {
  const [later] = checkpoints.filter((each) => each.epoch > epoch && each.says.length > 0)
  return later ? ` Since then an older database came back, and ${later.origin} says: ${later.says.join(', ')}.` : ''
}

function parse(text, size) {
  try {
    const line = JSON.parse(text)
    if (line && typeof line === 'object') return line
  } catch {
    // said below
  }
  throw new Wrong(`Leaf ${size}: the line is garbled.`)
}

/** RFC 6962: a leaf joins every complete subtree that stands to its left and is as large as what it has become. */
function add(tree, size, leaf) {
  let made = leaf
  for (let ones = size; ones % 2 === 1; ones = Math.floor(ones / 2)) made = sha256(NODE, tree.pop(), made)
  tree.push(made)
}

function rootOf(tree) {
  if (tree.length === 0) return sha256()
  return tree.slice(0, -1).reduceRight((right, left) => sha256(NODE, left, right), tree.at(-1))
}

function sha256(...parts) {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

function tell({ size, last }, key, { kept, keyKept }) {
  const say = (line) => process.stdout.write(`${line}\n`)
  say(`GOOD: ${size} events. The first ${last.size} are what was signed (${last.origin}).`)
  if (size > last.size) say(`${size - last.size} came after the newest checkpoint at hand: nobody has signed them yet.`)
  for (const line of last.says) say(`An older database came back once: ${line}`)
  say(`Signed with ${key.text}`)
  if (!kept)
    say('All checkpoints lay beside the log. Hold it against one that left the machine earlier: --checkpoint FILE')
  if (!keyKept) say('The key lay beside the log. Compare it with the one that you keep: --key KEY')
}
