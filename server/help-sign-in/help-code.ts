/**
 * The code that staff tell by phone: eight letters of Crockford's base 32 (40 random bits), without those that sound or look alike, good once and
 * for a quarter of an hour. What is stored is a digest that only this account's code has.
 */
import { makeSpokenCode, readSpokenCode } from '../lib/spoken-code.ts'
import { lookupDigest } from '../vault/vault.ts'

const LENGTH = 8

/** @returns two groups of four, as it is told */
export function makeHelpCode(): string {
  const letters = makeSpokenCode(LENGTH)
  return `${letters.slice(0, 4)}-${letters.slice(4)}`
}

/** Capitals, spaces and dashes do not matter, and letters that look alike count as the digit. @returns undefined for what is no code */
export function readHelpCode(typed: string): string | undefined {
  return readSpokenCode(typed, LENGTH)
}

/** @param code as `readHelpCode` returns it */
export function digestOfHelpCode(code: string, accountId: string): Buffer {
  return lookupDigest('help-code', `${accountId}/${code}`)
}
