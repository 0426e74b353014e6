/**
 * Posts a signed webhook (Standard Webhooks 1.0). It goes to no private address unless the settings allow it, which is looked at when the connection is
 * made, by the addresses that it is then made to: a name that leads elsewhere a moment later helps nobody. Redirects are not followed.
 */
import { lookup, type LookupAddress, type LookupOptions } from 'node:dns'
import { request as overHttp } from 'node:http'
import { request as overTls } from 'node:https'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import type { WebhookSettings } from '../config.ts'
import { webhookSignature } from '../vault/webhook-signature.ts'

/** Says only what may stand in a log: neither address nor answer. */
export class WebhookNotTaken extends Error {
  readonly code: string
  constructor(code: string) {
    super(`webhook not taken: ${code}`)
    this.code = code
  }
}

const LONGEST_WAIT = 10_000

/** @param id the same for each try of one message @throws WebhookNotTaken unless the answer is 2xx */
export function postWebhook(
  { url, secret, allowPrivate }: WebhookSettings,
  { id, body }: { id: string; body: string },
  now = new Date(),
): Promise<void> {
  const { protocol, hostname } = new URL(url)
  const host = hostname.replace(/^\[|\]$/g, '')
  const seconds = Math.floor(now.getTime() / 1000)
  return new Promise((done, fail) => {
    // An address that is written as such is never looked up.
    if (!allowPrivate && isIP(host) && isPrivateAddress(host)) return fail(new WebhookNotTaken('private-address'))
    const outgoing = (protocol === 'https:' ? overTls : overHttp)(
      url,
      {
        method: 'POST',
        timeout: LONGEST_WAIT,
        signal: AbortSignal.timeout(LONGEST_WAIT * 2),
        agent: false,
        ...(allowPrivate ? {} : { lookup: lookupPublic }),
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          'webhook-id': id,
          'webhook-timestamp': String(seconds),
          'webhook-signature': webhookSignature(secret, id, seconds, body),
        },
      },
      (answer) => {
        const status = answer.statusCode ?? 0
        // What it says is nobody's business here.
        answer.destroy()
        if (status >= 200 && status < 300) done()
        else fail(new WebhookNotTaken(String(status)))
      },
    )
    outgoing.on('timeout', () => outgoing.destroy(new WebhookNotTaken('timeout')))
    outgoing.on('error', (error: NodeJS.ErrnoException) =>
      fail(error instanceof WebhookNotTaken ? error : new WebhookNotTaken(error.code ?? error.name)),
    )
    outgoing.end(body)
  })
}

/** As `dns.lookup`, but a name that leads to a private address leads nowhere, whatever else it leads to. */
const lookupPublic: LookupFunction = (name, options, found) => {
  lookup(name, { ...(options as LookupOptions), all: true }, (error, addresses: LookupAddress[]) => {
    if (error) return found(error, '')
    if (addresses.length === 0 || addresses.some(({ address }) => isPrivateAddress(address)))
      return found(new WebhookNotTaken('private-address'), '')
    if ((options as LookupOptions).all) return found(null, addresses as never)
    found(null, addresses[0]!.address, addresses[0]!.family)
  })
}

/** Whether an address is not one of the public internet (IANA special-purpose registries). */
export function isPrivateAddress(address: string): boolean {
  const family = isIP(address)
  return family === 0 || (family === 6 ? NOT_PUBLIC_6.check(address, 'ipv6') : NOT_PUBLIC.check(address))
}

// Two lists, because in one of them every IPv4 address would be in the network of those that are written as IPv6.
const NOT_PUBLIC = new BlockList()
const NOT_PUBLIC_6 = new BlockList()
for (const network of [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
])
  NOT_PUBLIC.addSubnet(...parts(network), 'ipv4')
for (const network of [
  '::/96',
  '::ffff:0:0/96',
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '100::/64',
  '2001:db8::/32',
  '2002::/16',
  'fc00::/7',
  'fe80::/10',
  'ff00::/8',
])
  NOT_PUBLIC_6.addSubnet(...parts(network), 'ipv6')

function parts(network: string): [string, number] {
  const [address, bits] = network.split('/') as [string, string]
  return [address, Number(bits)]
}
