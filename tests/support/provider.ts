/**
 * A real provider of OpenID Connect (oidc-provider) in this process: the code flow with PKCE required, its own keys, and a page where anybody signs in
 * by saying who they are, by which means, and how long ago.
 */
import { generateKeyPairSync } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import Provider, { type Context } from 'oidc-provider'

export interface TestProvider {
  /** What the product is started with. */
  settings: Record<string, string>
  /** Where the provider may send people back to, once that is known. */
  serve(baseUrl: string): void
  stop(): Promise<void>
}

export const PROVIDER_NAME = 'Riverside account'
const SECRET = 'a fictitious secret of this client'

export async function startProvider(): Promise<TestProvider> {
  let answer: (request: IncomingMessage, response: ServerResponse) => void = (_, response) =>
    response.writeHead(503).end()
  const server = createServer((request, response) => answer(request, response))
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    settings: {
      OIDC_ISSUER: issuer,
      OIDC_CLIENT_ID: 'letterlock',
      OIDC_CLIENT_SECRET: SECRET,
      OIDC_NAME: PROVIDER_NAME,
    },
    serve(baseUrl) {
      const provider = makeProvider(issuer, `${baseUrl}/sign-in/sign-on/back`)
      const others = provider.callback()
      answer = (request, response) => {
        const inside = request.url!.startsWith('/person/')
        void (inside ? askPerson(provider, request, response) : others(request, response))
      }
    },
    stop: () =>
      new Promise((done) => {
        server.close(() => done())
        server.closeAllConnections()
      }),
  }
}

function makeProvider(issuer: string, back: string): Provider {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const client = (client_id: string) => ({ client_id, client_secret: SECRET, redirect_uris: [back] })
  const provider: Provider = new Provider(issuer, {
    clients: [client('letterlock'), client('another')],
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'one', use: 'sig', alg: 'RS256' }] },
    cookies: { keys: ['fictitious'] },
    claims: { openid: ['sub', 'amr', 'acr', 'auth_time'], email: ['email', 'email_verified'] },
    acrValues: ['two-factors'],
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_context: Context, { uid }: { uid: string }) => `/person/${uid}` },
    findAccount: (_context: Context, accountId: string) => ({
      accountId,
      claims: () => ({ sub: accountId, email: `${accountId}@riverside.example`, email_verified: true }),
    }),
    // Nobody is asked whether Letterlock may know who they are.
    loadExistingGrant: async ({ oidc }: Context) => {
      const grant = new provider.Grant({ accountId: oidc.session.accountId, clientId: oidc.client.clientId })
      grant.addOIDCScope('openid email')
      await grant.save()
      return grant
    },
  })
  return provider
}

const PAGE = `<!doctype html><html lang="en"><title>Provider</title><h1>Riverside account</h1>
<form method="post"><label>Who <input name="who" autofocus></label> <label>By <input name="by"></label>
<label>Seconds ago <input name="ago"></label> <button>Sign in</button> <button name="cancel" value="yes">Cancel</button></form></html>`

async function askPerson(provider: Provider, request: IncomingMessage, response: ServerResponse) {
  if (request.method !== 'POST') return response.setHeader('content-type', 'text/html').end(PAGE)
  let body = ''
  for await (const part of request) body += String(part)
  const given = new URLSearchParams(body)
  const ts = Math.floor(Date.now() / 1000) - Number(given.get('ago') ?? 0)
  const login = {
    accountId: given.get('who'),
    amr: (given.get('by') ?? '').split(' ').filter(Boolean),
    ts,
    remember: true,
  }
  await provider.interactionFinished(request, response, given.get('cancel') ? { error: 'access_denied' } : { login }, {
    mergeWithLastSubmission: false,
  })
}
