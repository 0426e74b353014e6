/** A device with a lock, written out on node:crypto, so that a test can make it say anything: also what no real one would. */
import { createHash, createSign, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto'

/** What an answer can get wrong. */
export interface Lies {
  origin?: string
  site?: string
  crossOrigin?: boolean
  topOrigin?: string
  /** User present, user verified. */
  flags?: number
  counter?: number
  challenge?: string
  userHandle?: string
  algorithm?: number
  type?: string
  signature?: Buffer
}

export interface RegistrationOptions {
  challenge: string
  user: { id: string }
}

const PRESENT = 0x01
const VERIFIED = 0x04
const WITH_KEY = 0x40

export class SoftwarePasskey {
  readonly id = randomBytes(32)
  private readonly key: { publicKey: KeyObject; privateKey: KeyObject }
  private userHandle = ''
  private counter = 0
  private readonly port: number
  constructor(port: number) {
    this.port = port
    this.key = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  }

  /** The answer to `create`, as the page's script would post it. */
  create({ challenge, user }: RegistrationOptions, lies: Lies = {}): string {
    this.userHandle = user.id
    const id = this.id
    const data = this.authenticatorData((lies.flags ?? PRESENT | VERIFIED) | WITH_KEY, lies, [
      Buffer.alloc(16),
      Buffer.from([0, id.length]),
      id,
      this.coseKey(lies.algorithm ?? -7),
    ])
    const attestationObject = cborMap([
      [cborText('fmt'), cborText('none')],
      [cborText('attStmt'), cborMap([])],
      [cborText('authData'), cborBytes(data)],
    ])
    return this.answer({
      clientDataJSON: this.clientData('webauthn.create', challenge, lies).toString('base64url'),
      attestationObject: attestationObject.toString('base64url'),
      transports: ['internal'],
    })
  }

  /** The answer to `get`. */
  use({ challenge }: { challenge: string }, lies: Lies = {}): string {
    const data = this.authenticatorData(lies.flags ?? PRESENT | VERIFIED, lies, [])
    const client = this.clientData('webauthn.get', challenge, lies)
    const signed = Buffer.concat([data, createHash('sha256').update(client).digest()])
    const signature = lies.signature ?? createSign('sha256').update(signed).sign(this.key.privateKey)
    return this.answer({
      clientDataJSON: client.toString('base64url'),
      authenticatorData: data.toString('base64url'),
      signature: signature.toString('base64url'),
      userHandle: lies.userHandle ?? this.userHandle,
    })
  }

  private answer(response: object) {
    const id = this.id.toString('base64url')
    return JSON.stringify({ id, rawId: id, type: 'public-key', response, clientExtensionResults: {} })
  }

  private clientData(type: string, challenge: string, lies: Lies) {
    const { origin = `http://localhost:${this.port}`, crossOrigin = false, topOrigin } = lies
    return Buffer.from(
      JSON.stringify({
        type: lies.type ?? type,
        challenge: lies.challenge ?? challenge,
        origin,
        crossOrigin,
        topOrigin,
      }),
    )
  }

  private authenticatorData(flags: number, { site = 'localhost', counter }: Lies, rest: Buffer[]) {
    const count = Buffer.alloc(4)
    count.writeUInt32BE(counter ?? ++this.counter)
    return Buffer.concat([createHash('sha256').update(site).digest(), Buffer.from([flags]), count, ...rest])
  }

  private coseKey(algorithm: number) {
    const { x, y } = this.key.publicKey.export({ format: 'jwk' })
    return cborMap([
      [cborInteger(1), cborInteger(2)],
      [cborInteger(3), cborInteger(algorithm)],
      [cborInteger(-1), cborInteger(1)],
      [cborInteger(-2), cborBytes(Buffer.from(x!, 'base64url'))],
      [cborInteger(-3), cborBytes(Buffer.from(y!, 'base64url'))],
    ])
  }
}

function cborHead(major: number, value: number) {
  if (value < 24) return Buffer.from([(major << 5) | value])
  if (value < 256) return Buffer.from([(major << 5) | 24, value])
  const head = Buffer.from([(major << 5) | 25, 0, 0])
  if (value >= 65536) {
    const long = Buffer.alloc(5)
    long[0] = (major << 5) | 26
    long.writeUInt32BE(value, 1)
    return long
  }
  head.writeUInt16BE(value, 1)
  return head
}

const cborInteger = (value: number) => (value < 0 ? cborHead(1, -1 - value) : cborHead(0, value))
const cborBytes = (bytes: Buffer) => Buffer.concat([cborHead(2, bytes.length), bytes])
const cborText = (text: string) => Buffer.concat([cborHead(3, Buffer.byteLength(text)), Buffer.from(text)])
const cborMap = (pairs: [Buffer, Buffer][]) => Buffer.concat([cborHead(5, pairs.length), ...pairs.flat()])
