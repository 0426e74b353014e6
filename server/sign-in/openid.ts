/**
 * OpenID Connect: where to send somebody, and what the provider then says of them. Code flow with PKCE; the ID token's signature, issuer, audience,
 * nonce and ends are checked. No host is asked but those of the settings. openid-client is imported only here.
 */
import {
  allowInsecureRequests,
  AuthorizationResponseError,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  calculatePKCECodeChallenge,
  ClientSecretBasic,
  ClientSecretPost,
  customFetch,
  discovery,
  enableNonRepudiationChecks,
  fetchUserInfo,
  ResponseBodyError,
  type ClientAuth,
  type Configuration,
  type CustomFetchOptions,
} from 'openid-client'
import type { Reason } from '../audit/reasons.ts'
import { config, type SignOnSettings } from '../config.ts'
import { NotFound } from '../errors.ts'
import { logWarning } from '../lib/logger.ts'
import { settings } from '../settings/settings.ts'
import { TRIP_LIVES, type Trip, type TripSecrets } from './sign-on-trip.ts'

export const BACK = '/sign-in/sign-on/back'

const SECONDS_TO_WAIT = 5
const MOST_BYTES = 256 * 1024
const HOUR = 60 * 60 * 1000
export const CLOCKS_DIFFER = 60 * 1000

/** Why a sign-on came to nothing, in a word for the log. Whoever came is told only that it did not work. */
export class SignOnRefused extends Error {
  readonly reason: Reason
  constructor(reason: Reason) {
    super(`a sign-on was refused: ${reason}`)
    this.name = 'SignOnRefused'
    this.reason = reason
  }
}

/** What the provider says, once all of it was checked. */
export interface Said {
  issuer: string
  subject: string
  /** As the provider calls them, to be shown to themselves; empty when it was not asked or does not tell. */
  name: string
  amr: string[]
  acr: string
  /** When they last gave the provider what they sign in with. */
  authenticatedAt: Date
}

/** @throws NotFound when no provider is set */
export function signOnSettings(): SignOnSettings {
  const { signOn } = config()
  if (!signOn) throw new NotFound('no sign-on here')
  return signOn
}

/** Where the browser is sent. @param link whether it is to be linked: they sign in at the provider anew, and are told by name who they are there */
export async function addressAtProvider({ state, nonce, verifier }: TripSecrets, link: boolean): Promise<string> {
  return told(async () => {
    const { acr } = signOnSettings().secondFactor
    const address = buildAuthorizationUrl(await provider(), {
      redirect_uri: config().baseUrl + BACK,
      scope: link ? 'openid email' : 'openid',
      code_challenge: await calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      nonce,
      max_age: String(settings().sessionHours * 60 * 60),
      ...(link ? { prompt: 'login' } : {}),
      ...(!link && acr.length > 0 ? { acr_values: acr.join(' ') } : {}),
    })
    mustBeProviders(address)
    return address.href
  })
}

/** Asks the provider for what its answer stands for. @param query of the address that the browser came back to @throws SignOnRefused */
export async function readAnswer(
  query: URLSearchParams,
  { state, nonce, verifier }: TripSecrets,
  trip: { purpose: Trip['purpose']; endsAt: Date },
  now: Date,
): Promise<Said> {
  const link = trip.purpose === 'link'
  return told(async () => {
    const known = await provider()
    const address = new URL(config().baseUrl + BACK)
    address.search = query.toString()
    const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true }
    const answer = await authorizationCodeGrant(known, address, checks)
    const claims = answer.claims()!
    const authenticatedAt = momentOf(claims['auth_time'])
    // A provider may overlook what it was asked: not to take who is there already, and to say since when they are.
    if (!authenticatedAt) throw new SignOnRefused('wrong-answer')
    const oldest = link
      ? trip.endsAt.getTime() - TRIP_LIVES - CLOCKS_DIFFER
      : now.getTime() - (settings().sessionHours + 0.1) * HOUR
    if (authenticatedAt.getTime() < oldest) throw new SignOnRefused('too-long-ago')
    const name = nameIn(claims)
    return {
      issuer: signOnSettings().issuer,
      subject: claims.sub,
      name: name || !link ? name : await askName(known, answer.access_token, claims.sub),
      amr: Array.isArray(claims['amr']) ? claims['amr'].filter((each) => typeof each === 'string') : [],
      acr: typeof claims['acr'] === 'string' ? claims['acr'] : '',
      authenticatedAt,
    }
  })
}

/** Some providers say an address only when they are asked for it. That it is not said stops nobody. */
async function askName(known: Configuration, accessToken: string, subject: string): Promise<string> {
  try {
    return nameIn(await fetchUserInfo(known, accessToken, subject))
  } catch {
    return ''
  }
}

function nameIn(claims: Record<string, unknown>): string {
  const first = ['email', 'preferred_username', 'name'].map((name) => claims[name]).find(Boolean)
  return typeof first === 'string' ? first.replace(/\p{C}/gu, '').slice(0, 100) : ''
}

function momentOf(seconds: unknown): Date | undefined {
  return typeof seconds === 'number' && Number.isFinite(seconds) ? new Date(seconds * 1000) : undefined
}

let met: { provider: Promise<Configuration>; until: number } | undefined

/** What the provider says of itself, asked once an hour; those who come at one moment share the question. */
function provider(now = Date.now()): Promise<Configuration> {
  if (met && now < met.until) return met.provider
  const asked = meetProvider(signOnSettings())
  met = { provider: asked, until: now + HOUR }
  // What failed is asked again by the next one.
  asked.catch(() => {
    if (met?.provider === asked) met = undefined
  })
  return asked
}

async function meetProvider({ issuer, clientId, clientSecret }: SignOnSettings): Promise<Configuration> {
  const plainHttp = issuer.startsWith('http:') ? [allowInsecureRequests] : []
  const found = await discovery(new URL(issuer), clientId, {}, authenticateUs(clientSecret), {
    timeout: SECONDS_TO_WAIT,
    [customFetch]: askProvider,
    // The library would believe a token that came straight from the provider; its signature is one more thing that must be right.
    execute: [enableNonRepudiationChecks, ...plainHttp],
  })
  // The library makes exceptions for some large providers, whose issuers stand for many organisations.
  if (new URL(found.serverMetadata().issuer).href !== issuer) throw new SignOnRefused('another-issuer')
  return found
}

/** As the provider wants it; as the standard has it, when it does not say. */
function authenticateUs(secret: string): ClientAuth {
  const [inHeader, inBody] = [ClientSecretBasic(secret), ClientSecretPost(secret)]
  return (provider, client, body, headers) => {
    const ways = provider.token_endpoint_auth_methods_supported ?? ['client_secret_basic']
    const authenticate = ways.includes('client_secret_basic') ? inHeader : inBody
    authenticate(provider, client, body, headers)
  }
}

/** A request to the provider: to its hosts only, no redirect followed, and no more read than an answer can be long. */
async function askProvider(address: string, options: CustomFetchOptions): Promise<Response> {
  mustBeProviders(new URL(address))
  const answer = await fetch(address, { ...options, body: options.body ?? null, redirect: 'manual' } as RequestInit)
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of answer.body ?? []) {
    length += (part as Uint8Array).length
    if (length > MOST_BYTES) throw new SignOnRefused('too-long-an-answer')
    parts.push(part as Uint8Array)
  }
  const { status, headers } = answer
  return new Response([204, 304].includes(status) || status < 200 ? null : Buffer.concat(parts), { status, headers })
}

function mustBeProviders({ protocol, host }: URL) {
  const { hosts, issuer } = signOnSettings()
  if (protocol !== new URL(issuer).protocol || !hosts.includes(host)) throw new SignOnRefused('another-host')
}

/** The library says by an error what is wrong. @throws SignOnRefused */
async function told<Result>(ask: () => Promise<Result>): Promise<Result> {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof NotFound) throw error
    const refused = new SignOnRefused(whyRefused(error))
    const { code, name } = error as { code?: string; name?: string }
    logWarning('A sign-on by the provider came to nothing', { class: refused.reason, code, name })
    throw refused
  }
}

const AWAY = ['OAUTH_TIMEOUT', 'OAUTH_RESPONSE_IS_NOT_CONFORM', 'OAUTH_RESPONSE_IS_NOT_JSON']

function whyRefused(error: unknown): Reason {
  for (let each = error; each instanceof Error; each = each.cause) if (each instanceof SignOnRefused) return each.reason
  if (error instanceof AuthorizationResponseError || error instanceof ResponseBodyError) return 'provider-refused'
  const { code = '' } = error as { code?: string }
  return AWAY.includes(code) || !code.startsWith('OAUTH_') ? 'provider-away' : 'wrong-answer'
}
