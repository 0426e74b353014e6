/** Codes that people tell each other or copy from paper: Crockford's base 32, without letters that look or sound alike (I, L, O, U). */
import { randomBytes } from 'node:crypto'

const LETTERS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** Five random bits a letter. */
export function makeSpokenCode(length: number): string {
  return Array.from(randomBytes(length), (byte) => LETTERS[byte & 31]).join('')
}

/** Case, spaces and hyphens do not matter, and look-alikes are what they look like. @returns undefined for what is no such code */
export function readSpokenCode(typed: string, length: number): string | undefined {
  // Not toUpperCase on the whole: it would turn ı and ſ into letters of ours.
  const capitals = typed.replace(/[a-z]/g, (letter) => letter.toUpperCase())
  const code = capitals.replace(/[ -]/g, '').replace(/O/g, '0').replace(/[IL]/g, '1')
  return code.length === length && /^[0-9A-HJKMNP-TV-Z]+$/.test(code) ? code : undefined
}
