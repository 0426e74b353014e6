/**
 * By which events from one network address are found, without any address in the clear: a keyed digest. Whoever takes the database away learns from it
 * which events came from one network, and not from which: without the key (which the master key wraps) they cannot try addresses.
 */
import { networkOf } from '../lib/network.ts'
import { lookupDigest } from '../vault/vault.ts'
import type { Actor } from './actor.ts'

/** 16 bytes; nothing for whoever has no address. All of an IPv6 /64 is one. */
export function addressDigest(actor: Pick<Actor, 'address'>): Buffer | null {
  return actor.address ? lookupDigest('event-address', networkOf(actor)).subarray(0, 16) : null
}
