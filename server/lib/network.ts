/** Networks, as far as we tell them apart. Pure. */
import { isIP, isIPv6 } from 'node:net'

/**
 * Under which name an actor's address is counted. A household or a rented server has all of an IPv6 /64 and could take another address for
 * each try, so its first 64 bits count; an IPv4 address that is written as IPv6 is the IPv4 address. A network as it is told here is itself.
 */
export function networkOf({ address = '' }: { address?: string }): string {
  const first = address.replace(/\/64$/, '')
  if (!isIPv6(first)) return address
  const groups = groupsOf(first.replace(/%.*$/, ''))
  if (groups.slice(0, 6).join(':') === '0:0:0:0:0:ffff')
    return groups
      .slice(6)
      .map((group) => parseInt(group, 16))
      .map((group) => `${group >> 8}.${group & 255}`)
      .join('.')
  return `${groups.slice(0, 4).join(':')}::/64`
}

/** What somebody may type who looks for a network: an address in it, or the network as it is told here. */
export function isNetwork(text: string): boolean {
  return isIP(text) > 0 || (text.endsWith('/64') && isIPv6(text.slice(0, -'/64'.length)))
}

/** The eight groups of an IPv6 address, in small letters and without zeros before them, as URLs write them. */
function groupsOf(address: string): string[] {
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::')
  const [first, last] = [head, tail ?? ''].map((part) => part.split(':').filter(Boolean)) as [string[], string[]]
  return [...first, ...Array<string>(8 - first.length - last.length).fill('0'), ...last]
}
