/** A provider that says whatever a test wants: right keys and wrong claims, wrong keys, no answer. The test is the browser between it and the product. */
import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What is odd about one answer. */
export interface Odd {
  claims?: Record<string, unknown>
  alg?: string
  key?: KeyObject
  /** Instead of an ID token. */
  status?: number
}

export interface OddProvider {
  issuer: string
  settings: Record<string, string>
  /** What a code stands for; `challenge` and `nonce` are those of the address that the product sent the browser to. */
  promise(code: string, address: URL, subject: string, odd?: Odd): void
  /** How often it was asked for a token. */
  asked: number
  /** Every token that it gave. */
  gave: string[]
  /** What it says of itself otherwise than a right one. */
  saysOfItself: Record<string, unknown>
  /** Answers nothing at all while true. */
  away: boolean
  stop(): Promise<void>
}

export async function startOddProvider(): Promise<OddProvider> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const promised = new Map<string, { challenge: string; claims: Record<string, unknown>; odd: Odd }>()
  const server = createServer((request, response) => {
    if (provider.away) return request.socket.destroy()
    if (request.url === '/.well-known/openid-configuration') return json(response, metadata())
    if (request.url === '/keys')
      return json(response, {
        keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'RS256', use: 'sig' }],
      })
    let body = ''
    request.on('data', (part: Buffer) => (body += part.toString()))
    request.on('end', () => token(new URLSearchParams(body), response))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  const metadata = () => ({
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/keys`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    authorization_response_iss_parameter_supported: true,
    ...provider.saysOfItself,
  })

  /** A code may be used as often as anybody likes: that is the product's to prevent. */
  function token(form: URLSearchParams, response: ServerResponse) {
    provider.asked += 1
    const found = promised.get(form.get('code') ?? '')
    const verifier = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url')
    if (!found || found.challenge !== verifier) return json(response, { error: 'invalid_grant' }, 400)
    const { claims, odd } = found
    if (odd.status) return json(response, { error: 'server_error' }, odd.status)
    const { alg = 'RS256', key = privateKey } = odd
    const text = [
      { alg, kid: 'one' },
      { ...claims, ...odd.claims },
    ]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.')
    const signature = alg === 'none' ? '' : sign('sha256', Buffer.from(text), key).toString('base64url')
    const answer = { access_token: randomBytes(200).toString('base64url'), id_token: `${text}.${signature}` }
    provider.gave.push(...Object.values(answer))
    json(response, { ...answer, token_type: 'Bearer' })
  }

  const provider: OddProvider = {
    issuer,
    settings: {
      OIDC_ISSUER: issuer,
      OIDC_CLIENT_ID: 'letterlock',
      OIDC_CLIENT_SECRET: 'fictitious',
      OIDC_NAME: 'Riverside account',
    },
    promise(code, address, subject, odd = {}) {
      const now = Math.floor(Date.now() / 1000)
      const asked = address.searchParams
      const claims = {
        iss: issuer,
        aud: 'letterlock',
        sub: subject,
        nonce: asked.get('nonce'),
        iat: now,
        exp: now + 300,
        auth_time: now,
      }
      promised.set(code, { challenge: asked.get('code_challenge')!, claims, odd })
    },
    asked: 0,
    gave: [],
    saysOfItself: {},
    away: false,
    stop: () =>
      new Promise((done) => {
        server.close(() => done())
        server.closeAllConnections()
      }),
  }
  return provider
}

function json(response: ServerResponse, body: object, status = 200) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
