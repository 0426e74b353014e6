/**
 * The MAC in a session's row, over the digest that it is found by and all that decides in it. Without this whoever writes the database could put
 * another account, a later beginning or a proof into the row of a session of their own.
 */
import { isRowMac, rowMac } from '../vault/row-mac.ts'

/** What a session holds under its cookie: each an envelope that no other session opens, and taken out by one statement when a session ends. */
export const SEALED = [
  'mailboxKey',
  'recoveryCodes',
  'codeSecret',
  'accessCode',
  'halfMade',
  'deviceSecret',
  'signOnFound',
] as const

type Content = Record<string, unknown>

/** As it is written. @param content anything that `JSON.stringify` makes an object of */
export function withMac(digest: string, content: object): Content {
  const plain = JSON.parse(JSON.stringify(content)) as Content
  return { ...plain, mac: rowMac('sessions', [digest, whatDecides(plain)]).toString('base64') }
}

/** As it was read. */
export function isMacOf(digest: string, content: Content): boolean {
  const { mac } = content
  if (typeof mac !== 'string') return false
  return isRowMac('sessions', [digest, whatDecides(content)], Buffer.from(mac, 'base64'))
}

/** The same text whichever order the database keeps the names in. */
function whatDecides(content: Content): string {
  const { mac: _, ...rest } = content
  for (const name of SEALED) delete rest[name]
  return JSON.stringify(sorted(rest))
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const names = Object.keys(value).sort()
  return Object.fromEntries(names.map((name) => [name, sorted((value as Content)[name])]))
}
