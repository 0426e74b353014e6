import { domainToASCII } from 'node:url'

const LOCAL = /^[a-z0-9!#$&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$&'*+/=?^_`{|}~-]+)*$/
const DOMAIN = /^(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$/

/**
 * One plain address (RFC 5321 dot-string at a domain name), in the form under which it is found: ASCII letters small, the domain in its
 * ASCII form. Quoted local parts, comments, lists, control characters and letters beyond ASCII before the @ are refused: they are how mails
 * reach other people than the one who was checked; so are encoded words, and the percent sign, by which old relays route on. Dots and plus
 * signs make different addresses.
 * @returns undefined when it is not such an address
 */
export function readEmailAddress(text: string): string | undefined {
  const typed = text.trim()
  const at = typed.lastIndexOf('@')
  // Not toLowerCase on the whole: it would turn the Kelvin sign into k.
  const local = typed.slice(0, at).replace(/[A-Z]/g, (letter) => letter.toLowerCase())
  const domain = domainToASCII(typed.slice(at + 1))
  if (
    at < 1 ||
    local.length > 64 ||
    typed.length > 254 ||
    !LOCAL.test(local) ||
    local.includes('=?') ||
    !DOMAIN.test(domain)
  )
    return undefined
  // A look-alike letter (K, ſ) that would turn into a plain one makes another address, never this one.
  if (/[^\x20-\x7e]/.test(typed.slice(at + 1)) && !domain.includes('xn--')) return undefined
  if (typed.slice(at + 1).match(/[\s%\\/:?#[\]()<>,;"]/)) return undefined
  return `${local}@${domain}`
}

/** How an address is shown to somebody who may only recognise it: first letter and domain. A line does not break within (U+2060). */
export function maskEmailAddress(address: string): string {
  const at = address.lastIndexOf('@')
  return `${address.slice(0, 1)}…\u2060${address.slice(at)}`
}
