#!/usr/bin/env node
/**
 * npm run verify-certificate -- FILE [--key KEY]: checks a certificate of destruction on any machine with Node 20, without a server, a network or any
 * other file of Letterlock. The certificate is a C2SP signed note (c2sp.org/signed-note, Ed25519); KEY is the verifier key of whoever issued it, or a file
 * that holds it. Without --key the files FILE.vkey and certificates.vkey beside it are tried.
 */
import { createHash, createPublicKey, verify } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'

const KIND = 'Letterlock certificate of destruction'
/** What stands before the 32 bytes of an Ed25519 key in its usual encoding (RFC 8410). */
const SPKI = Buffer.from('302a300506032b6570032100', 'hex')

try {
  const { values, positionals } = parseArgs({ options: { key: { type: 'string' } }, allowPositionals: true })
  const [file] = positionals
  if (!file || positionals.length > 1)
    throw new Error('Say which certificate: npm run verify-certificate -- FILE --key KEY')
  const key = findKey(file, values.key)
  tell(check(read(file), readKey(key.text)), key)
} catch (error) {
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
}

function read(file) {
  if (!existsSync(file)) throw new Error(`There is no file ${file}.`)
  const text = readFileSync(file, 'utf8').replaceAll('\r\n', '\n')
  // What a terminal would act on instead of showing it.
  if (/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/u.test(text))
    throw new Error(`${file} holds characters that do not show.`)
  return text
}

/** The key, and where it came from: a key that came with the certificate proves little. */
function findKey(file, given) {
  if (given) return existsSync(given) ? { text: read(given), from: given } : { text: given, from: 'the command line' }
  const beside = [`${file}.vkey`, join(dirname(file), 'certificates.vkey')].find((each) => existsSync(each))
  if (!beside)
    throw new Error(
      'The key of whoever issued it is needed: --key KEY. Their administrators and auditors see it under “Erased messages”.',
    )
  return { text: read(beside), from: beside, beside: true }
}

/** C2SP verifier key: name, hash of name and key, type (1: Ed25519) and key. */
function readKey(text) {
  const [, name, hash, encoded] = /^([^\s+]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text.trim()) ?? []
  const key = Buffer.from(encoded ?? '', 'base64')
  if (!name || key.length !== 33 || key[0] !== 1 || hash !== hashOf(name, key))
    throw new Error('This is no verifier key (NAME+HASH+BASE64), or it is not whole.')
  if (!name.endsWith('/destruction'))
    throw new Error(`This key is for another kind of note (${name}), and not for certificates of destruction.`)
  return { name, hash, key: key.subarray(1) }
}

function hashOf(name, typedKey) {
  return createHash('sha256').update(`${name}\n`).update(typedKey).digest('hex').slice(0, 8)
}

/** The note's text, an empty line, one signature and nothing after it. @returns its lines as [name, value] */
function check(note, { name, hash, key }) {
  const end = note.lastIndexOf('\n\n')
  const text = note.slice(0, end + 1)
  const [, signer, encoded] = /^\u2014 (\S+) (\S+)\n$/.exec(note.slice(end + 2)) ?? []
  const signature = Buffer.from(encoded ?? '', 'base64')
  if (end < 0 || signature.length !== 68 || signature.toString('base64') !== encoded)
    throw new Error('NOT GOOD: the file has no signature at its end, or something stands after it.')
  if (signer !== name || signature.subarray(0, 4).toString('hex') !== hash)
    throw new Error(`NOT GOOD: it was not signed with this key (${name}+${hash}), but by ${signer}.`)
  const publicKey = createPublicKey({ key: Buffer.concat([SPKI, key]), format: 'der', type: 'spki' })
  if (!verify(null, Buffer.from(text), publicKey, signature.subarray(4)))
    throw new Error('NOT GOOD: the signature does not fit. The file was changed after it was signed.')
  const lines = text.trimEnd().split('\n')
  if (lines[0] !== KIND) throw new Error('NOT GOOD: it is signed, but it is no certificate of destruction.')
  return lines.slice(1).map((line) => line.split(/: (.*)/s).slice(0, 2))
}

function tell(facts, key) {
  const all = (name) => facts.filter(([each]) => each === name).map(([, value]) => value)
  const [message, sent, erased, again, why, files, until] = [
    'message',
    'sent',
    'erased',
    'erased-again',
    'why',
    'files',
    'backups-until',
  ].map((name) => all(name)[0])
  const say = (line = '') => process.stdout.write(`${line}\n`)
  say('GOOD: signed with this key, and not changed since.')
  say(`  ${key.text.trim()}`)
  say()
  say(`  Message       ${message}`)
  say(`  Conversation  ${all('thread')[0]}`)
  say(`  Sent          ${sent}`)
  say(`  Erased        ${erased}${again ? `, and again ${again}` : ''}`)
  say(`  Why           ${why}`)
  say(`  Files         ${files}`)
  for (const line of all('destroyed')) say(`  Destroyed     ${line}`)
  say()
  say(
    'What this proves: whoever holds that key has said that these keys were destroyed at that time. They cannot take it back or have said something else.',
  )
  say(`What it does not prove: that no other copy exists. Until ${until} backups may hold one:`)
  for (const line of all('backup')) say(`  Backup        ${line}`)
  if (all('backup').length === 0)
    say('  No backup is named that was made with Letterlock itself while the message was there.')
  for (const line of all('limit')) say(`  - ${line}`)
  if (Date.parse(until) < Date.now()) say('  That time has passed.')
  say()
  if (key.beside)
    say(
      `The key was beside the certificate (${key.from}). Whoever made up a certificate could have put it there: compare it with the one that you had from the issuer.`,
    )
  else say(`The key came from ${key.from}. It has to be the issuer’s own.`)
}
