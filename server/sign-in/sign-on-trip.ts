/**
 * Somebody's way to the provider and back. Nothing of it is kept here: the browser's cookie says what it is for, until when, and carries a MAC;
 * what must come back unchanged is derived from it. It is used up when it was come back from (passkey.store.ts).
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { lookupDigest } from '../vault/vault.ts'

export interface Trip {
  purpose: 'sign-in' | 'link'
  /** The session that it was begun in, by its `ref`; empty when there was none. */
  session: string
  /** Own path to go to afterwards, or empty. */
  next: string
}

export const TRIP_LIVES = 10 * 60 * 1000
export const TRIP = /^[A-Za-z0-9_-]{40,900}\.[A-Za-z0-9_-]{43}$/

/** As the cookie holds it. */
export function makeTrip({ purpose, session, next }: Trip, now: Date): string {
  const random = randomBytes(24).toString('base64url')
  const parts = [purpose, session, next, now.getTime() + TRIP_LIVES, random]
  const head = Buffer.from(JSON.stringify(parts)).toString('base64url')
  return `${head}.${digestOf('mac', head)}`
}

/** @returns undefined when it was not made here or is too old */
export function readTrip(text: string, now: Date): (Trip & { endsAt: Date }) | undefined {
  const [head = '', mac = ''] = text.split('.')
  const given = Buffer.from(mac, 'base64url')
  const expected = Buffer.from(digestOf('mac', head), 'base64url')
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined
  const [purpose, session, next, end] = JSON.parse(Buffer.from(head, 'base64url').toString()) as [
    Trip['purpose'],
    string,
    string,
    number,
  ]
  return end > now.getTime() ? { purpose, session, next, endsAt: new Date(end) } : undefined
}

/** What the provider is asked with. Who sees the state in an address can tell neither of the others from it. */
export interface TripSecrets {
  state: string
  nonce: string
  /** PKCE, RFC 7636. */
  verifier: string
}

export function secretsOf(text: string): TripSecrets {
  return { state: digestOf('state', text), nonce: digestOf('nonce', text), verifier: digestOf('verifier', text) }
}

function digestOf(what: string, text: string) {
  return lookupDigest('sign-on-trip', `${what}\0${text}`).toString('base64url')
}
