#!/usr/bin/env node
/**
 * Opens messages that `npm run export-messages` exported, with nothing but this file and Node.js 20 or later. It shares no line with the server:
 * it is written from docs/format.md, and tests hold the two against each other.
 *
 *   node decrypt-message.mjs FOLDER --check                                     compares every file with its digest
 *   node decrypt-message.mjs FOLDER --passphrase-file FILE --to NEW-FOLDER      everything
 *   node decrypt-message.mjs FOLDER --passphrase-file FILE --message ID         one text, printed
 *   node decrypt-message.mjs FOLDER --key FILE --message ID [--to NEW-FOLDER]   with the message's own key
 *   node decrypt-message.mjs FOLDER --mailbox-key FILE …                        an export without keys: a mailbox's private half
 *   node decrypt-message.mjs FOLDER --recovery-key FILE …                       the same with the organisation's recovery key
 *
 * A file of a key holds its 32 bytes in base64url or hex. Whatever was changed, cut, moved or added is refused, and the exit is not 0.
 */
import {
  createDecipheriv,
  createECDH,
  createHash,
  createHmac,
  hkdfSync,
  scryptSync,
  timingSafeEqual,
} from 'node:crypto'
import { closeSync, existsSync, fstatSync, mkdirSync, openSync, readFileSync, readSync, readdirSync } from 'node:fs'
import { realpathSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { fileURLToPath } from 'node:url'

/** Something is not as it was sealed, or not whole, or the key is another. */
export class Refused extends Error {}

// ── FLOE (c2sp.org/FLOE): docs/format.md, "Envelopes" ──────────────────────────────────────────────────────────────

const HEADER = 74
const OVERHEAD = 32
const OURS = [4096, 65536, 262144, 1048576]

/** The clear bytes of an envelope. Nothing of it is given back before its own segment was found sound. */
export function* openEnvelope(key, binding, read, size, { lengths = OURS, rotationMask = 20 } = {}) {
  if (key.length !== 32) throw new Refused('A key has 32 bytes.')
  const header = read(0, HEADER)
  if (header.length < HEADER) throw new Refused('An envelope is cut.')
  const segmentLength = header.readUInt32BE(2)
  if (header[0] !== 0 || header[1] !== 0 || header.readUInt32BE(6) !== 32 || !lengths.includes(segmentLength))
    throw new Refused('An envelope has other parameters than ours.')
  const parts = [header.subarray(0, 10), header.subarray(10, 42)]
  const derive = (secret, purpose) => {
    const hmac = createHmac('sha384', secret)
    for (const part of [...parts, purpose, Buffer.from(binding), Buffer.of(1)]) hmac.update(part)
    return hmac.digest()
  }
  if (!timingSafeEqual(derive(key, Buffer.from('HEADER_TAG:')).subarray(0, 32), header.subarray(42)))
    throw new Refused('An envelope is of another key or another place, or its header was changed.')
  const messageKey = derive(key, Buffer.from('MESSAGE_KEY:'))
  let segmentKey
  for (let at = HEADER, position = 0n; ; at += segmentLength, position++) {
    const last = size - at <= segmentLength
    const segment = read(at, Math.min(segmentLength, size - at))
    if (segment.length < OVERHEAD || segment.readUInt32BE(0) !== (last ? segment.length : 0xffffffff))
      throw new Refused('An envelope is cut, or has bytes behind its end.')
    if (position % 2n ** BigInt(rotationMask) === 0n) {
      const purpose = Buffer.from('DEK:\0\0\0\0\0\0\0\0')
      purpose.writeBigUInt64BE(position, 4)
      segmentKey = derive(messageKey, purpose).subarray(0, 32)
    }
    const place = Buffer.alloc(9)
    place.writeBigUInt64BE(position)
    place[8] = last ? 1 : 0
    yield openGcm(segmentKey, segment.subarray(4, 16), place, segment.subarray(16))
    if (last) return
  }
}

/** An envelope that is in memory. */
export function openWhole(key, binding, envelope, options) {
  const read = (at, length) => envelope.subarray(at, at + length)
  return Buffer.concat([...openEnvelope(key, binding, read, envelope.length, options)])
}

function openGcm(key, nonce, associated, sealed) {
  if (sealed.length < 16) throw new Refused('Sealed bytes are cut.')
  const cipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 })
  cipher.setAAD(associated)
  cipher.setAuthTag(sealed.subarray(-16))
  const clear = cipher.update(sealed.subarray(0, -16))
  try {
    cipher.final()
  } catch {
    throw new Refused('Sealed bytes are not as they were sealed, or the key is another.')
  }
  return clear
}

// ── Wraps, HPKE and padding ────────────────────────────────────────────────────────────────────────────────────────

/** "Wraps": nonce, ciphertext, tag. */
export function openWrap(key, binding, wrap) {
  if (wrap.length < 28) throw new Refused('A wrap is cut.')
  return openGcm(key, wrap.subarray(0, 12), Buffer.from(binding), wrap.subarray(12))
}

/** "Sealed to a public half": RFC 9180, base mode, DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. */
export function openHpke(privateHalf, binding, sealed) {
  if (sealed.length < 81 || sealed[0] !== 4) throw new Refused('A sealed key is cut.')
  const [encapsulated, rest] = [sealed.subarray(0, 65), sealed.subarray(65)]
  const curve = createECDH('prime256v1')
  curve.setPrivateKey(privateHalf)
  let agreed
  try {
    agreed = curve.computeSecret(encapsulated)
  } catch {
    throw new Refused('A sealed key holds no point of the curve.')
  }
  const kem = Buffer.from([0x4b, 0x45, 0x4d, 0x00, 0x10])
  const suite = Buffer.from([0x48, 0x50, 0x4b, 0x45, 0x00, 0x10, 0x00, 0x01, 0x00, 0x02])
  const none = Buffer.alloc(0)
  const extract = (id, salt, label, input) =>
    createHmac('sha256', salt).update('HPKE-v1').update(id).update(label).update(input).digest()
  const expand = (id, secret, label, info, length) =>
    createHmac('sha256', secret)
      .update(Buffer.of(0, length))
      .update('HPKE-v1')
      .update(id)
      .update(label)
      .update(info)
      .update(Buffer.of(1))
      .digest()
      .subarray(0, length)
  const both = Buffer.concat([encapsulated, curve.getPublicKey()])
  const shared = expand(kem, extract(kem, none, 'eae_prk', agreed), 'shared_secret', both, 32)
  const context = Buffer.concat([
    Buffer.of(0),
    extract(suite, none, 'psk_id_hash', none),
    extract(suite, none, 'info_hash', Buffer.from('letterlock')),
  ])
  const secret = extract(suite, shared, 'secret', none)
  const [key, nonce] = [expand(suite, secret, 'key', context, 32), expand(suite, secret, 'base_nonce', context, 12)]
  return openGcm(key, nonce, Buffer.from(binding), rest)
}

/** "Anything sealed to a public half": a key by HPKE, then an envelope under it. */
export function openSealedToPublic(privateHalf, binding, sealed) {
  return openWhole(openHpke(privateHalf, binding, sealed.subarray(0, 113)), binding, sealed.subarray(113))
}

/** "Padding": a length, the text, zeros. */
export function unpadText(padded) {
  const length = padded.length < 4 ? 0 : padded.readUInt32BE(0)
  const buckets = [64, 128, 256, 512, 1024, 2048]
  const size = buckets.find((bucket) => 4 + length <= bucket) ?? padme(4 + length)
  if (padded.length !== size || padded.subarray(4 + length).some((byte) => byte !== 0))
    throw new Refused('A text has another padding than ours.')
  return padded.toString('utf8', 4, 4 + length)
}

/** Padmé: of a size in binary, only as many leading bits may be set as its exponent has bits. */
export function padme(length) {
  if (length < 2) return length
  const exponent = length.toString(2).length - 1
  const step = 2 ** (exponent - exponent.toString(2).length)
  return Math.ceil(length / step) * step
}

// ── The folder ─────────────────────────────────────────────────────────────────────────────────────────────────────

/** What the list says that there is: path → digest. @throws Refused when the folder is not whole */
function readList(folder) {
  const path = join(folder, 'SHA256SUMS')
  if (!existsSync(path) || !existsSync(join(folder, 'bundle.json')))
    throw new Refused(`${folder} is no whole export: it has no list of what is in it.`)
  const text = readFileSync(path, 'utf8')
  const listed = new Map()
  for (const line of text.split('\n').slice(0, -1)) {
    const [, digest, name] = /^([0-9a-f]{64}) {2}([\w-]+(?:[/.][\w-]+)*)$/.exec(line) ?? []
    if (!name || listed.has(name)) throw new Refused('The list of what is in the export was changed.')
    listed.set(name, digest)
  }
  if (!text.endsWith('\n') && text !== '') throw new Refused('The list of what is in the export is cut.')
  return { listed, digest: createHash('sha256').update(text).digest('hex') }
}

function checkNames(folder, listed) {
  const there = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(join(folder, '/').length))
    .filter((name) => name !== 'SHA256SUMS' && name !== 'keys.sealed')
  for (const name of there) if (!listed.has(name)) throw new Refused(`${name} does not belong to the export.`)
  for (const name of listed.keys()) if (!there.includes(name)) throw new Refused(`${name} is missing.`)
}

/** Opens a file of the export after its digest was compared. */
function checked(folder, listed, name) {
  const expected = listed.get(name)
  if (!expected) throw new Refused(`${name} is not in the export.`)
  const file = openSync(join(folder, name), 'r')
  const hash = createHash('sha256')
  const buffer = Buffer.allocUnsafe(1 << 20)
  for (let read; (read = readSync(file, buffer, 0, buffer.length, null)) > 0;) hash.update(buffer.subarray(0, read))
  if (hash.digest('hex') !== expected) {
    closeSync(file)
    throw new Refused(`${name} is not as it was exported.`)
  }
  return file
}

function readChecked(folder, listed, name) {
  const file = checked(folder, listed, name)
  const text = Buffer.alloc(fstatSync(file).size)
  for (let at = 0, read; (read = readSync(file, text, at, text.length - at, at)) > 0; at += read);
  closeSync(file)
  return text.toString()
}

const linesOf = (text) => text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))
const shelf = (id) => id.slice(-2)
const bytes = (base64) => Buffer.from(base64 ?? '', 'base64')

/** "The keys file". @returns message → key, and thread → names */
function readKeys(folder, exportId, passphrase, listDigest, listed) {
  const whole = readFileSync(join(folder, 'keys.sealed'))
  const end = whole.indexOf('\n')
  const head = end > 0 && end < 1000 ? JSON.parse(whole.toString('utf8', 0, end)) : {}
  const { N, r, p } = head
  const wise = [N, r, p].every(Number.isInteger) && N >= 2 ** 14 && N <= 2 ** 20 && r === 8 && p >= 1 && p <= 16
  if (head.format !== 'letterlock-keys/1' || head.kdf !== 'scrypt' || !wise)
    throw new Refused('The file of keys is not one that this program knows.')
  const salt = Buffer.from(head.salt, 'base64url')
  const key = scryptSync(passphrase.normalize('NFC'), salt, 32, { N, r, p, maxmem: 256 * N * r })
  let clear
  try {
    clear = openWhole(key, `export/${exportId}/keys`, whole.subarray(end + 1))
  } catch (error) {
    if (error instanceof Refused)
      throw new Refused('The passphrase is not the one of this export, or its file of keys was changed.')
    throw error
  }
  const lines = linesOf(clear.toString())
  const last = lines.pop()
  if (last?.list !== listDigest) throw new Refused('The list of what is in the export was changed.')
  const threads = [...listed.keys()].filter((name) => name.startsWith('threads/'))
  if (last.threads !== threads.length) throw new Refused('Conversations are missing.')
  const keys = new Map()
  const names = new Map()
  for (const line of lines)
    if (line.message) keys.set(line.message, Buffer.from(line.key, 'base64url'))
    else for (const [id, name] of Object.entries(line.names)) names.set(id, name)
  return { keys, names }
}

/** "An export without keys": private halves by mailbox and version, or one for any. */
function privateHalves(folder, listed, { mailboxKey, recoveryKey }) {
  if (mailboxKey) return () => mailboxKey
  const halves = new Map()
  for (const { mailbox, version, recovery } of linesOf(readChecked(folder, listed, 'mailboxes.jsonl')))
    halves.set(
      `${mailbox}/${version}`,
      openSealedToPublic(recoveryKey, `mailbox/${mailbox}/${version}/recovery`, bytes(recovery)),
    )
  return (mailbox, version) => halves.get(`${mailbox}/${version}`)
}

function openThreadKey(threadKey, wraps, halfOf) {
  for (const { mailbox, version, kind, wrap } of wraps) {
    const half = halfOf(mailbox, version)
    const binding = `thread-key/${threadKey}/${mailbox}/${version}/${kind}`
    try {
      if (half && kind === 'public') return openHpke(half, binding, bytes(wrap))
      if (half && kind === 'private') return openWrap(wrapsKey(half), binding, bytes(wrap))
    } catch (error) {
      // It is for another mailbox; one of the others may be for this one.
      if (!(error instanceof Refused)) throw error
    }
  }
  return undefined
}

export function wrapsKey(privateHalf) {
  return Buffer.from(hkdfSync('sha256', privateHalf, Buffer.alloc(0), 'letterlock/thread-key-wraps', 32))
}

/** Subject, text and labels of a message. */
function openMessage(row, key) {
  const text = (part) =>
    row[part] ? unpadText(openWhole(key, `message/${row.message}/${part}`, bytes(row[part]))) : ''
  const files = row.files.map((file) => {
    const fileKey = openWrap(key, `attachment/${file.id}/key`, bytes(file.key))
    return {
      ...JSON.parse(unpadText(openWhole(fileKey, `attachment/${file.id}/label`, bytes(file.label)))),
      id: file.id,
      fileKey,
    }
  })
  return { subject: text('subject'), body: text('body'), files }
}

/** Writes a file's content beside its name, and gives it the name after its last segment and its padding were found sound. */
function writeFile(folder, listed, { id, fileKey, size }, target) {
  const file = checked(folder, listed, `files/${shelf(id)}/${id}`)
  const out = openSync(`${target}.part`, 'wx', 0o600)
  try {
    const read = (at, length) => {
      const buffer = Buffer.allocUnsafe(length)
      return buffer.subarray(0, readSync(file, buffer, 0, length, at))
    }
    let total = 0
    for (const clear of openEnvelope(fileKey, `attachment/${id}`, read, fstatSync(file).size)) {
      const padding = clear.subarray(Math.max(0, Math.min(clear.length, size - total)))
      for (const [at, byte] of padding.entries()) {
        const place = total + clear.length - padding.length + at
        if (byte !== (place === size ? 0x80 : 0)) throw new Refused('A file has another padding than ours.')
      }
      writeSync(out, clear.subarray(0, clear.length - padding.length))
      total += clear.length
    }
    if (total !== padme(size + 1)) throw new Refused('A file has another size than its label says.')
    renameSync(`${target}.part`, target)
  } catch (error) {
    rmSync(`${target}.part`)
    throw error
  } finally {
    closeSync(out)
    closeSync(file)
  }
}

/** A name that somebody else chose, as the name of a file here. */
export function safeName(name) {
  const base = basename(name.replaceAll('\\', '/'))

  const tame = base
    .replace(/[\u0000-\u001f\u007f-\u009f<>:"|?*\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '_')
    .replace(/^\.+/, '_')
  // With a number before it and an ending behind it a name has at most 255 bytes.
  let short = ''
  for (const letter of tame) if (Buffer.byteLength(short + letter) <= 200) short += letter
  return short || '_'
}

function asText(row, { subject, body, files }, names) {
  const who = (id) => names.get(id) ?? id
  const head = [
    `Message: ${row.message}`,
    `From: ${who(row.from)}${row.author && who(row.author) !== who(row.from) ? ` (${who(row.author)})` : ''}`,
    `Sent: ${row.sentAt}`,
    ...(subject ? [`Subject: ${subject}`] : []),
    ...files.map(({ name, size }) => `File: ${name} (${size} bytes)`),
  ]

  const tame = (text) => text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/gu, '')
  return `${head.map(tame).join('\n')}\n\n${tame(body.replaceAll('\r\n', '\n'))}\n`
}

// ── The command ────────────────────────────────────────────────────────────────────────────────────────────────────

const KEY_OPTIONS = ['passphrase-file', 'key', 'mailbox-key', 'recovery-key']

async function main() {
  const text = { type: 'string' }
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      ...Object.fromEntries(KEY_OPTIONS.map((name) => [name, text])),
      message: text,
      to: text,
      check: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  const folder = positionals[0]
  if (values.help || !folder) {
    process.stdout.write(
      readFileSync(fileURLToPath(import.meta.url), 'utf8')
        .split('*/')[0]
        .replace(/^(#!.*\n)?\/\*\*\n/, '')
        .replace(/^ \* ?/gm, ''),
    )
    process.exitCode = values.help ? 0 : 1
    return
  }
  const { listed, digest } = readList(folder)
  checkNames(folder, listed)
  const bundle = JSON.parse(readChecked(folder, listed, 'bundle.json'))
  if (bundle.format !== 'letterlock-export/1') throw new Refused('This program does not know this form of export.')
  if (values.check) {
    for (const name of listed.keys()) closeSync(checked(folder, listed, name))
    process.stdout.write(`${listed.size} files are as they were exported.\n`)
    return
  }
  const given = await keysGiven(values, bundle, () => readKeysFor(folder, bundle, values, digest, listed))
  const threads = [...listed.keys()].filter((name) => name.startsWith('threads/'))
  if (values.to !== undefined) mkdirSync(values.to, { mode: 0o700 })
  else if (!values.message)
    throw new Error('Say which message (--message ID), or where to write all of them (--to NEW-FOLDER).')
  const done = { opened: 0, files: 0, closed: 0, erased: 0 }
  for (const name of threads) openThread(folder, listed, name, given, values, done)
  if (values.message && done.opened === 0)
    throw new Refused(`${values.message} is not in the export, was erased, or does not open with this key.`)
  process.stderr.write(
    `Opened ${done.opened} messages with ${done.files} files; ${done.erased} were taken back or erased, ${done.closed} do not open with this key.\n`,
  )
}

const readKeysFor = async (folder, bundle, values, digest, listed) =>
  readKeys(folder, bundle.export, await passphraseFrom(values['passphrase-file']), digest, listed)

/** @returns a way from a row to its message key, and the names that are known */
async function keysGiven(values, bundle, sealedKeys) {
  const given = KEY_OPTIONS.filter((name) => values[name] !== undefined)
  if (given.length > 1) throw new Error(`Give one of these: ${KEY_OPTIONS.map((name) => `--${name}`).join(', ')}.`)
  if (values.key !== undefined) {
    if (!values.message) throw new Error('A key opens one message: say which, with --message ID.')
    return { messageKey: readKeyFile(values.key), names: new Map() }
  }
  if (values['mailbox-key'] ?? values['recovery-key']) {
    const half = (name) => values[name] && readKeyFile(values[name])
    return { mailboxKey: half('mailbox-key'), recoveryKey: half('recovery-key'), names: new Map() }
  }
  if (bundle.keys !== 'passphrase')
    throw new Error('This export has no keys in it: give a --mailbox-key or the --recovery-key.')
  return sealedKeys()
}

function openThread(folder, listed, name, given, values, done) {
  const rows = linesOf(readChecked(folder, listed, name))
  if (!rows[0]?.thread || name !== `threads/${shelf(rows[0].thread)}/${rows[0].thread}.jsonl`)
    throw new Refused(`${name} is not what its name says.`)
  for (const { message, files = [] } of rows)
    for (const id of [...(message ? [message] : []), ...files.map((file) => file.id)])
      if (!/^[0-9a-f-]{36}$/.test(id)) throw new Refused(`${name} names something that is no id.`)
  if (values.message && !rows.some((row) => row.message === values.message)) return
  const threadKeys = new Map()
  if (given.mailboxKey ?? given.recoveryKey) {
    given.halfOf ??= privateHalves(folder, listed, given)
    for (const row of rows)
      if (row.wraps) threadKeys.set(row.threadKey, openThreadKey(row.threadKey, row.wraps, given.halfOf))
  }
  const keyOf = (row) => {
    if (given.messageKey) return given.messageKey
    if (given.keys) return given.keys.get(row.message)
    const threadKey = threadKeys.get(row.threadKey)
    return threadKey && openWrap(threadKey, `message/${row.message}/key`, bytes(row.key))
  }
  for (const row of rows) {
    if (!row.message || (values.message && row.message !== values.message)) continue
    if (!row.key) {
      done.erased++
      continue
    }
    try {
      const key = keyOf(row)
      if (key) {
        writeMessage(folder, listed, rows[0].thread, row, openMessage(row, key), given.names, values, done)
        done.opened++
      } else done.closed++
    } catch (error) {
      // One that was damaged takes none of the others with it.
      if (!(error instanceof Refused) || values.message) throw error
      process.stderr.write(`${row.message} is not as it was sealed: ${error.message}\n`)
      process.exitCode = 2
      done.closed++
    }
  }
}

function writeMessage(folder, listed, thread, row, message, names, values, done) {
  const text = asText(row, message, names)
  if (values.to === undefined) return process.stdout.write(text)
  const target = join(values.to, thread, row.message)
  mkdirSync(target, { recursive: true, mode: 0o700 })
  writeFileSync(join(target, 'message.txt'), text, { flag: 'wx', mode: 0o600 })
  for (const [index, file] of message.files.entries()) {
    if (!listed.has(`files/${shelf(file.id)}/${file.id}`)) {
      process.stderr.write(`A file of ${row.message} was missing already when it was exported.\n`)
      process.exitCode = 2
      continue
    }
    writeFile(folder, listed, file, join(target, `${index + 1}-${safeName(file.name)}`))
    done.files++
  }
}

function readKeyFile(path) {
  const text = readFileSync(path, 'utf8').trim()
  const key = /^[0-9a-f]{64}$/i.test(text) ? Buffer.from(text, 'hex') : Buffer.from(text, 'base64url')
  if (key.length !== 32) throw new Error(`${path} does not hold a key of 32 bytes in base64url or hex.`)
  return key
}

async function passphraseFrom(file) {
  if (file !== undefined) return readFileSync(file, 'utf8').split(/\r?\n/)[0]
  if (!process.stdin.isTTY) throw new Error('Give a key: --passphrase-file FILE, for one.')
  process.stderr.write('Passphrase: ')
  const terminal = createInterface({ input: process.stdin, terminal: true })
  const typed = await new Promise((done) => terminal.question('', done))
  terminal.close()
  process.stderr.write('\n')
  return typed
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url))
  await main().catch((error) => {
    process.stderr.write(`${error.message}\n`)
    process.exitCode = 1
  })
