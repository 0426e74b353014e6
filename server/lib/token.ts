/** Tokens that links and cookies carry: 32 bytes that nobody guesses, in base64url. */
import { randomBytes } from 'node:crypto'

/** 43 characters, letter by letter: anything else is no token of ours, and nothing is looked up for it. */
export const TOKEN = /^[A-Za-z0-9_-]{43}$/

export function newToken(): string {
  return randomBytes(32).toString('base64url')
}
