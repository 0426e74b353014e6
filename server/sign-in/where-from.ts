/** Where a request comes from, as far as a person would know it again: the network, the browser and the system, without any version. */
import type { Actor } from '../audit/actor.ts'
import { networkOf } from '../lib/network.ts'

export interface WhereFrom {
  address: string
  /** Empty when it is none that we know. */
  browser: string
  system: string
}

export function whereFrom({ address = '', userAgent = '' }: Pick<Actor, 'address' | 'userAgent'>): WhereFrom {
  const first = (names: [string, RegExp][]) => names.find(([, sign]) => sign.test(userAgent))?.[0] ?? ''
  return { address: address.replace(/^::ffff:(?=[\d.]+$)/, ''), browser: first(BROWSERS), system: first(SYSTEMS) }
}

// In this order: nearly every browser says that it is Safari too, and most that they are Chrome.
const BROWSERS: [string, RegExp][] = [
  ['Edge', /\bEdgi?A?(OS)?\//],
  ['Opera', /\b(OPR|Opera|OPT)\//],
  ['Samsung Internet', /\bSamsungBrowser\//],
  ['Firefox', /\b(Firefox|FxiOS)\//],
  ['Chrome', /(Headless)?\b(Chrome|Chromium|CriOS)\/|HeadlessChrome\//],
  ['Safari', /\bSafari\//],
]
const SYSTEMS: [string, RegExp][] = [
  ['iPhone', /\biPhone\b/],
  ['iPad', /\biPad\b/],
  ['Android', /\bAndroid\b/],
  ['ChromeOS', /\bCrOS\b/],
  ['Windows', /\bWindows\b/],
  ['Mac', /\bMacintosh\b/],
  ['Linux', /\bLinux\b/],
]

/** The network that an address belongs to: the first 24 bits of IPv4, 48 of IPv6. Phones and households stay in one for a while. */
export function widerNetworkOf(actor: Pick<Actor, 'address'>): string {
  const network = networkOf(actor)
  return network.endsWith('::/64') ? network.split(':').slice(0, 3).join(':') : network.split('.').slice(0, 3).join('.')
}
