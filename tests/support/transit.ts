/**
 * A key service in the shape of Vault's transit engine, for tests: the requests, answers, states and refusals of the paths that Letterlock uses, as
 * Vault documents and gives them, on AES-256-GCM as there. Keys rest in memory.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

export interface TransitService {
  address: string
  key: string
  token: string
  /** Every path that was asked for, with its answer's status. */
  asked: { path: string; status: number }[]
  /** The service's own state; a test changes it. */
  state: { sealed: boolean; silent: boolean; token: string; mayManage: boolean; failAt: string; rewrapsWrong: boolean }
  stop(): Promise<void>
}

interface ServiceKey {
  versions: Map<number, Buffer>
  latest: number
  minDecryption: number
  minEncryption: number
}

export async function startTransit(port = 0): Promise<TransitService> {
  const keys = new Map<string, ServiceKey>([
    ['letterlock', { versions: new Map([[1, randomBytes(32)]]), latest: 1, minDecryption: 1, minEncryption: 0 }],
  ])
  const token = `hvs.${randomBytes(18).toString('base64url')}`
  const state = { sealed: false, silent: false, token, mayManage: true, failAt: '', rewrapsWrong: false }
  const asked: TransitService['asked'] = []
  const server = createServer((request, response) => void answer(request, response))

  async function answer(request: IncomingMessage, response: ServerResponse) {
    const path = request.url!
    const body = await text(request)
    if (state.silent) return
    const [status, said] = decide(request, path, body)
    asked.push({ path, status })
    response.writeHead(status, { 'Content-Type': 'application/json' })
    response.end(said === undefined ? '' : JSON.stringify(said))
  }

  function decide(request: IncomingMessage, path: string, body: string): [number, unknown?] {
    if (state.sealed) return [503, { errors: ['Vault is sealed'] }]
    if (request.headers['x-vault-token'] !== state.token) return [403, { errors: ['permission denied'] }]
    if (!['POST', 'PUT'].includes(request.method!)) return [405, { errors: [] }]
    const [, what, name, more] =
      /^\/v1\/transit\/(datakey\/plaintext|encrypt|decrypt|rewrap|keys)\/([\w.-]+)(?:\/(rotate|config|trim))?$/.exec(
        path,
      ) ?? []
    if (!what || !name) return [404, { errors: [] }]
    if (what === 'keys' && (!state.mayManage || state.failAt === more))
      return [403, { errors: ['1 error occurred:\n\t* permission denied\n\n'] }]
    const key = keys.get(name)
    if (!key) return [what === 'keys' ? 404 : 400, { errors: what === 'keys' ? [] : ['encryption key not found'] }]
    const input = JSON.parse(body || '{}') as Record<string, unknown>
    try {
      if (what === 'keys') return manage(key, more!, input)
      return [200, { request_id: 'r', lease_id: '', renewable: false, data: use(key, what, input, state.rewrapsWrong) }]
    } catch (error) {
      return [400, { errors: [(error as Error).message] }]
    }
  }

  await new Promise<void>((done) => server.listen(port, '127.0.0.1', done))
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    key: 'letterlock',
    token,
    asked,
    state,
    stop: () =>
      new Promise((done) => {
        server.close(() => done())
        server.closeAllConnections()
      }),
  }
}

function use(key: ServiceKey, what: string, input: Record<string, unknown>, wrong: boolean): Record<string, unknown> {
  if (what === 'datakey/plaintext') {
    const plaintext = randomBytes(Number(input['bits'] ?? 256) / 8).toString('base64')
    return { plaintext, ciphertext: seal(key, plaintext), key_version: key.latest }
  }
  if (what === 'encrypt') return { ciphertext: seal(key, input['plaintext']), key_version: key.latest }
  const plaintext = open(key, input['ciphertext'])
  if (what === 'rewrap' && wrong) return { ciphertext: seal(key, randomBytes(32).toString('base64')) }
  return what === 'decrypt' ? { plaintext } : { ciphertext: seal(key, plaintext), key_version: key.latest }
}

function seal(key: ServiceKey, plaintext: unknown): string {
  if (typeof plaintext !== 'string' || !/^[A-Za-z0-9+/]+={0,2}$/.test(plaintext))
    throw new Error('failed to base64-decode plaintext')
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key.versions.get(key.latest)!, nonce)
  const sealed = Buffer.concat([nonce, cipher.update(plaintext, 'base64'), cipher.final(), cipher.getAuthTag()])
  return `vault:v${key.latest}:${sealed.toString('base64')}`
}

function open(key: ServiceKey, ciphertext: unknown): string {
  const [, version, encoded] = /^vault:v(\d+):(.+)$/.exec(String(ciphertext)) ?? []
  if (!version || !encoded) throw new Error('invalid ciphertext: no prefix')
  if (Number(version) > key.latest) throw new Error('invalid ciphertext: version is too new')
  const secret = key.versions.get(Number(version))
  if (Number(version) < key.minDecryption || !secret)
    throw new Error('ciphertext or signature version is disallowed by policy (too old)')
  const sealed = Buffer.from(encoded, 'base64')
  try {
    const decipher = createDecipheriv('aes-256-gcm', secret, sealed.subarray(0, 12), { authTagLength: 16 })
    decipher.setAuthTag(sealed.subarray(-16))
    return Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]).toString('base64')
  } catch {
    throw new Error('cipher: message authentication failed')
  }
}

function manage(key: ServiceKey, what: string, input: Record<string, unknown>): [number, unknown?] {
  if (what === 'rotate') {
    key.latest++
    key.versions.set(key.latest, randomBytes(32))
    return [200, { data: { latest_version: key.latest, min_decryption_version: key.minDecryption } }]
  }
  if (what === 'config') {
    const decryption = Number(input['min_decryption_version'] ?? key.minDecryption)
    const encryption = Number(input['min_encryption_version'] ?? key.minEncryption)
    if (decryption > key.latest)
      return [400, { errors: ['cannot set min decryption version of greater than the latest key version'] }]
    if (encryption !== 0 && encryption < decryption)
      return [400, { errors: ['min decryption version should not be greater than min encryption version'] }]
    Object.assign(key, { minDecryption: decryption, minEncryption: encryption })
    return [200, { data: {} }]
  }
  const available = Number(input['min_available_version'])
  if (!key.minEncryption)
    return [400, { errors: ['minimum available version cannot be set when minimum encryption version is not set'] }]
  if (available > key.minDecryption)
    return [400, { errors: ['minimum available version cannot be higher than the minimum decryption version'] }]
  for (const version of key.versions.keys()) if (version < available) key.versions.delete(version)
  return [200, { data: {} }]
}
