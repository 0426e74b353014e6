/** Networks, as far as we tell them apart. Pure. */
import { isIPv6 } from 'node:net'

/**
 * Under which name an actor's address is counted. A household or a rented server has all of an IPv6 /64 and could take another address for
 * each try, so its first 64 bits count; an IPv4 address that is written as IPv6 is the IPv4 address.
 */
export function networkOf({ address = '' }: { address?: string }): string {
  if (!isIPv6(address)) return address
  const groups = groupsOf(address.replace(/%.*$/, ''))
  if (groups.slice(0, 6).join(':') === '0:0:0:0:0:ffff')
    return groups
      .slice(6)
      .map((group) => parseInt(group, 16))
      .map((group) => `${group >> 8}.${group & 255}`)
      .join('.')
  return `${groups.slice(0, 4).join(':')}::/64`
}

/** The eight groups of an IPv6 address, in small letters and without zeros before them, as URLs write them. */
function groupsOf(address: string): string[] {
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::')
  const [first, last] = [head, tail ?? ''].map((part) => part.split(':').filter(Boolean)) as [string[], string[]]
  return [...first, ...Array<string>(8 - first.length - last.length).fill('0'), ...last]
}
