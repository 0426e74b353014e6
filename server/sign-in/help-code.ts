/**
 * The code that staff tell by phone: eight letters of Crockford's base 32 (40 random bits), without those that sound or look alike, good once and
 * for a quarter of an hour. What is stored is a digest that only this account's code has.
 */
import { randomBytes } from 'node:crypto'
import { lookupDigest } from '../vault/vault.ts'

const LETTERS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** @returns two groups of four, as it is told */
export function makeHelpCode(): string {
  const letters = Array.from(randomBytes(8), (byte) => LETTERS[byte & 31]).join('')
  return `${letters.slice(0, 4)}-${letters.slice(4)}`
}

/** Capitals, spaces and dashes do not matter, and letters that look alike count as the digit. @returns undefined for what is no code */
export function readHelpCode(typed: string): string | undefined {
  const code = typed.toUpperCase().replace(/[ -]/g, '').replace(/O/g, '0').replace(/[IL]/g, '1')
  return /^[0-9A-HJKMNP-TV-Z]{8}$/.test(code) ? code : undefined
}

/** @param code as `readHelpCode` returns it */
export function digestOfHelpCode(code: string, accountId: string): Buffer {
  return lookupDigest('help-code', `${accountId}/${code}`)
}
