/**
 * Finding people by a part of their name or address. The directory is sealed and has no index but of whole addresses, and none is made: whoever
 * looks has it unsealed, a few dozen rows at a time, in this process and for this question, and nothing of it is kept. Ten thousand people
 * take a second or so of one core (bench/find-people.ts), in turns that let other requests through.
 */
import type { Actor } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { turns } from '../lib/turns.ts'
import { listAccountsAfter, type Account, type Role } from './account.store.ts'

export interface WantedPeople {
  roles: readonly Role[]
  /** Of those found. */
  limit: number
}

const BATCH = 50
const FIRST = '00000000-0000-0000-0000-000000000000'
/** A look-up takes a whole core for its time. */
const fewAtOnce = turns(1, 20)

/** Recorded with what was typed, which is sealed with the event; then looked for. @throws Unavailable, SlowDown */
export async function lookUpPeople(
  actor: Actor,
  text: string,
  wanted: WantedPeople,
  now = new Date(),
): Promise<Account[]> {
  await record(actor, { act: 'people.looked-up', said: text.trim() }, undefined, now)
  return findPeople(text, wanted)
}

/**
 * People whose name and address hold every word of `text`, whatever its case and accents, in the order in which they came. The caller records it.
 * @throws SlowDown when too many look at once
 */
export async function findPeople(text: string, { roles, limit }: WantedPeople): Promise<Account[]> {
  const words = plainOf(text).split(/\s+/).filter(Boolean)
  if (words.length === 0) return []
  return fewAtOnce(async () => {
    const found: Account[] = []
    let after: string | undefined = FIRST
    while (after && found.length < limit) {
      const { accounts, last } = await listAccountsAfter(after, roles, BATCH)
      found.push(...accounts.filter((each) => holdsAll(each, words)))
      after = last
      // Other requests come in between.
      await new Promise((go) => setImmediate(go))
    }
    return found.slice(0, limit)
  })
}

function holdsAll({ name, email }: Account, words: readonly string[]): boolean {
  const both = plainOf(`${name} ${email}`)
  return words.every((word) => both.includes(word))
}

/** Small letters without their marks: whoever looks for Muller means Müller too. */
function plainOf(text: string): string {
  return text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase()
}
