/** The worked example of docs/format.md: made anew byte for byte, and opened by the server's code and by the decryptor's, which share none. */
import assert from 'node:assert/strict'
import { createCipheriv } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { projectRoot } from '../../server/lib/root.ts'
import { deriveKey } from '../../server/vault/derive.ts'
import { EnvelopeRefused, sealWhole, unsealEnvelope } from '../../server/vault/floe.ts'
import { encapsulate, hpkeOpen, pairOfPrivate, scheduleKeys, suiteWith } from '../../server/vault/hpke.ts'
import { sealUnderMaster, subkey, unsealUnderMaster, useMasterKey } from '../../server/vault/master-key.ts'
import { padme, padToBucket, unpad } from '../../server/vault/padding.ts'
import { unwrapKey, unwrapUnderMaster } from '../../server/vault/wrap.ts'
import { fixedRandom } from '../known-answers/fixed-random.ts'

interface Decryptor {
  Refused: new () => Error
  openWhole(key: Buffer, binding: string, envelope: Buffer, options?: object): Buffer
  openWrap(key: Buffer, binding: string, wrap: Buffer): Buffer
  openHpke(privateHalf: Buffer, binding: string, sealed: Buffer): Buffer
  openSealedToPublic(privateHalf: Buffer, binding: string, sealed: Buffer): Buffer
  unpadText(padded: Buffer): string
  wrapsKey(privateHalf: Buffer): Buffer
  padme(length: number): number
  safeName(name: string): string
}

const decryptor = (await import(pathToFileURL(join(projectRoot, 'scripts/decrypt-message.mjs')).href)) as Decryptor
const file = join(projectRoot, 'tests/known-answers/format.json')

const IDS = {
  mailbox: '01a22125-0000-7000-8000-000000000001',
  threadKey: '01a22125-0000-7000-8000-000000000002',
  message: '01a22125-0000-7000-8000-000000000003',
  file: '01a22125-0000-7000-8000-000000000004',
}
const TEXTS = {
  subject: 'A worked example',
  body: 'Grüße. This text was sealed by nobody for nobody.',
  label: JSON.stringify({ name: 'notes.txt', kind: 'text', type: 'text/plain', size: 11 }),
  content: 'Eleven\nand.',
}
const BINDINGS = {
  publicWrap: `thread-key/${IDS.threadKey}/${IDS.mailbox}/1/public`,
  privateWrap: `thread-key/${IDS.threadKey}/${IDS.mailbox}/1/private`,
  messageKey: `message/${IDS.message}/key`,
  subject: `message/${IDS.message}/subject`,
  body: `message/${IDS.message}/body`,
  fileKey: `attachment/${IDS.file}/key`,
  label: `attachment/${IDS.file}/label`,
  file: `attachment/${IDS.file}`,
  opener: `mailbox/${IDS.mailbox}/1/recovery-code`,
}
const CODE = { code: '0123456789ABCDEFGHJK', pepper: fixedRandom('pepper')(32) }

/** Everything, each from random bytes of its own name. */
function makeExample() {
  const key = (name: string) => fixedRandom(name)(32)
  const pair = pairOfPrivate(key('private half'))
  const master = key('master key')
  const [threadKey, messageKey, fileKey] = [key('thread key'), key('message key'), key('file key')]
  const masterSubkey = deriveKey(master, 'master/wraps')
  const opener = deriveKey(Buffer.from(CODE.code), `recovery-code/${IDS.mailbox}`, 32, CODE.pepper)
  const hpke = sealToPublic(pair.publicKey, BINDINGS.publicWrap, threadKey)
  const quick = gcm('private wrap', deriveKey(pair.privateKey, 'thread-key-wraps'), BINDINGS.privateWrap, threadKey)
  const content = Buffer.from(TEXTS.content)
  const padded = Buffer.alloc(padme(content.length + 1))
  content.copy(padded)
  padded[content.length] = 0x80
  return {
    keys: {
      master,
      privateHalf: pair.privateKey,
      publicHalf: pair.publicKey,
      threadKey,
      messageKey,
      fileKey,
      pepper: CODE.pepper,
    },
    sealed: {
      opener: envelope('opener', opener, 4096, pair.privateKey),
      publicWrap: underMaster('public wrap, outer', masterSubkey, BINDINGS.publicWrap, hpke),
      privateWrap: underMaster('private wrap, outer', masterSubkey, BINDINGS.privateWrap, quick),
      messageKey: gcm('message key, wrapped', threadKey, BINDINGS.messageKey, messageKey),
      subject: envelope('subject', messageKey, 65536, padToBucket(TEXTS.subject)),
      body: envelope('body', messageKey, 65536, padToBucket(TEXTS.body)),
      fileKey: gcm('file key, wrapped', messageKey, BINDINGS.fileKey, fileKey),
      label: envelope('label', fileKey, 65536, padToBucket(TEXTS.label)),
      file: envelope('file', fileKey, 262144, padded),
    },
  }
}

function envelope(
  name: 'opener' | 'subject' | 'body' | 'label' | 'file',
  key: Buffer,
  segmentLength: number,
  clear: Buffer,
): Buffer {
  return sealWhole({ segmentLength, rotationMask: 20 }, key, Buffer.from(BINDINGS[name]), clear, fixedRandom(name))
}

function gcm(name: string, key: Buffer, binding: string, secret: Buffer): Buffer {
  const nonce = fixedRandom(name)(12)
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  cipher.setAAD(Buffer.from(binding))
  return Buffer.concat([nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()])
}

function underMaster(name: string, key: Buffer, binding: string, secret: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0, 0, 0, 1]), gcm(name, key, binding, secret)])
}

function sealToPublic(publicKey: Buffer, binding: string, secret: Buffer): Buffer {
  const { sharedSecret, encapsulation } = encapsulate(publicKey, pairOfPrivate(fixedRandom('ephemeral')(32)))
  const { key, nonce } = scheduleKeys(suiteWith('aes-256-gcm'), sharedSecret, Buffer.from('letterlock'))
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  cipher.setAAD(Buffer.from(binding))
  return Buffer.concat([encapsulation, cipher.update(secret), cipher.final(), cipher.getAuthTag()])
}

const example = makeExample()
const { keys, sealed } = example
const inBase64 = (values: Record<string, Buffer>) =>
  Object.fromEntries(Object.entries(values).map(([name, bytes]) => [name, bytes.toString('base64')]))

describe('The worked example of docs/format.md', () => {
  test('stays as it was published, byte for byte', () => {
    const made = {
      ids: IDS,
      texts: TEXTS,
      bindings: BINDINGS,
      code: CODE.code,
      keys: inBase64(keys),
      sealed: inBase64(sealed),
    }
    assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), made)
  })

  test("opens with the server's code, from the master key and a mailbox down to every text", () => {
    useMasterKey(`1:${keys.master.toString('base64url')}`)
    const pair = pairOfPrivate(keys.privateHalf)
    const inner = unwrapUnderMaster(BINDINGS.publicWrap, sealed.publicWrap)
    assert.deepEqual(hpkeOpen(pair, BINDINGS.publicWrap, inner), keys.threadKey)
    const quick = unwrapUnderMaster(BINDINGS.privateWrap, sealed.privateWrap)
    assert.deepEqual(
      unwrapKey(deriveKey(keys.privateHalf, 'thread-key-wraps'), BINDINGS.privateWrap, quick),
      keys.threadKey,
    )
    assert.deepEqual(unwrapKey(keys.threadKey, BINDINGS.messageKey, sealed.messageKey), keys.messageKey)
    assert.equal(unpad(unsealEnvelope(keys.messageKey, BINDINGS.body, sealed.body)), TEXTS.body)
    assert.equal(unpad(unsealEnvelope(keys.messageKey, BINDINGS.subject, sealed.subject)), TEXTS.subject)
    assert.equal(unpad(unsealEnvelope(keys.fileKey, BINDINGS.label, sealed.label)), TEXTS.label)
  })

  test("opens with the decryptor's code, which refuses each under another's binding", () => {
    const inner = decryptor.openWrap(subkey('wraps', 1), BINDINGS.publicWrap, sealed.publicWrap.subarray(4))
    assert.deepEqual(decryptor.openHpke(keys.privateHalf, BINDINGS.publicWrap, inner), keys.threadKey)
    const quick = decryptor.openWrap(subkey('wraps', 1), BINDINGS.privateWrap, sealed.privateWrap.subarray(4))
    assert.deepEqual(
      decryptor.openWrap(decryptor.wrapsKey(keys.privateHalf), BINDINGS.privateWrap, quick),
      keys.threadKey,
    )
    assert.deepEqual(decryptor.openWrap(keys.threadKey, BINDINGS.messageKey, sealed.messageKey), keys.messageKey)
    assert.deepEqual(decryptor.openWrap(keys.messageKey, BINDINGS.fileKey, sealed.fileKey), keys.fileKey)
    for (const name of ['subject', 'body'] as const)
      assert.equal(decryptor.unpadText(decryptor.openWhole(keys.messageKey, BINDINGS[name], sealed[name])), TEXTS[name])
    assert.equal(decryptor.unpadText(decryptor.openWhole(keys.fileKey, BINDINGS.label, sealed.label)), TEXTS.label)
    const clear = decryptor.openWhole(keys.fileKey, BINDINGS.file, sealed.file)
    assert.equal(clear.toString('latin1'), `${TEXTS.content}\x80`)
    const code = deriveKey(Buffer.from(CODE.code), `recovery-code/${IDS.mailbox}`, 32, CODE.pepper)
    assert.deepEqual(decryptor.openWhole(code, BINDINGS.opener, sealed.opener), keys.privateHalf)
    assert.throws(() => decryptor.openWhole(keys.messageKey, BINDINGS.subject, sealed.body), decryptor.Refused)
    assert.throws(() => decryptor.openHpke(keys.privateHalf, BINDINGS.privateWrap, inner), decryptor.Refused)
  })

  test('what is under the master key opens by the page too: version, then an envelope under its subkey', () => {
    const under = sealUnderMaster('waiting', 'a binding', keys.privateHalf)
    assert.deepEqual(
      decryptor.openWhole(deriveKey(keys.master, 'master/waiting'), 'a binding', under.subarray(4)),
      keys.privateHalf,
    )
    assert.deepEqual(unsealUnderMaster('waiting', 'a binding', under), keys.privateHalf)
    assert.throws(() => unsealUnderMaster('keys', 'a binding', under), EnvelopeRefused)
  })
})

describe('The decryptor', () => {
  test('pads to the same sizes as the server', () => {
    for (let length = 0; length < 5000; length++) assert.equal(decryptor.padme(length), padme(length))
    for (const length of [2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 5 * 2 ** 30])
      assert.equal(decryptor.padme(length), padme(length))
  })

  test('never makes a path of a name that somebody chose', () => {
    for (const name of [
      '../../etc/passwd',
      '..\\..\\x',
      '/abs',
      '.',
      '..',
      '',
      'a\0b',
      '.bashrc',
      'x\u202egpj.exe',
      '~'.repeat(400),
      '漢'.repeat(255),
    ]) {
      const safe = decryptor.safeName(name)
      assert.match(safe, /^[^/\\\0\u202e]+$/, name)
      // Behind a number and before an ending it still is a name for every file system.
      assert.ok(Buffer.byteLength(safe) <= 200, name)
      assert.ok(!safe.startsWith('.'), name)
    }
  })

  const folder = process.env.VECTORS_DIR && join(process.env.VECTORS_DIR, 'floe')
  const skip = folder ? false : 'VECTORS_DIR does not name a folder with the published vectors'
  test('opens the known answers that FLOE publishes', { skip }, () => {
    const hex = (name: string) => Buffer.from(readFileSync(join(folder!, name), 'utf8').trim(), 'hex')
    const names = readdirSync(folder!).filter((name) => name.endsWith('_ct.txt'))
    assert.ok(names.length > 10, `${names.length} vectors`)
    for (const name of names) {
      const bytes = hex(name)
      const options = { lengths: [bytes.readUInt32BE(2)], rotationMask: name.includes('rotation') ? 2 : 20 }
      const clear = decryptor.openWhole(Buffer.alloc(32), 'This is AAD', bytes, options)
      assert.ok(clear.equals(hex(name.replace('_ct', '_pt'))), name)
      for (const at of [0, 20, 50, bytes.length >> 1, bytes.length - 1]) {
        const changed = Buffer.from(bytes)
        changed[at]! ^= 4
        assert.throws(() => decryptor.openWhole(Buffer.alloc(32), 'This is AAD', changed, options), `${name} at ${at}`)
      }
    }
  })

  test('shares no line with the server and no package: it imports nothing but what Node has', () => {
    const source = readFileSync(join(projectRoot, 'scripts/decrypt-message.mjs'), 'utf8')
    const imports = [...source.matchAll(/from '([^']+)'|import\(([^)]*)\)|require\(/g)].map(([, name]) => name)
    assert.ok(imports.length > 4)
    for (const name of imports) assert.match(name ?? 'something else', /^node:/)
  })
})
