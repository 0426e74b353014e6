/** Counted tries, exact under concurrency, in PostgreSQL. Keys are digests. rate-limiter-flexible is imported only here. */
import { RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible'
import { ask, connectionPool } from '../database/connection.ts'
import { SlowDown } from '../errors.ts'
import { lookupDigest } from '../vault/vault.ts'

export interface Limit {
  /** Counts one try. @returns how many are left @throws SlowDown when there is none */
  count(key: string): Promise<number>
  /** Gives one try back. */
  giveBack(key: string): Promise<void>
  /** Of these keys, those at which the next try would be refused. Counts nothing. */
  full(keys: readonly string[]): Promise<Set<string>>
  /** Gives all tries back, after a success. */
  forgive(key: string): Promise<void>
}

/** `tries` (a number, or what says it now) within `seconds`; after that `SlowDown` until the window (or `blockSeconds`) is over. */
export function limit(name: string, tries: number | (() => number), seconds: number, blockSeconds = 0): Limit {
  let made: RateLimiterPostgres | undefined
  const most = () => (typeof tries === 'number' ? tries : tries())
  const limiter = () => {
    made ??= new RateLimiterPostgres({
      storeClient: connectionPool(),
      tableName: 'rate_limits',
      tableCreated: true,
      keyPrefix: name,
      points: most(),
      duration: seconds,
      blockDuration: blockSeconds,
    })
    made.points = most()
    return made
  }
  const digest = (key: string) => lookupDigest('limit', key).toString('base64url')
  return {
    async count(key) {
      // A read first: many tries at one full bucket would otherwise wait for each other to write its row.
      const full = await limiter().get(digest(key))
      if (full && full.consumedPoints > most()) throw slowDown(full)
      try {
        return (await limiter().consume(digest(key))).remainingPoints
      } catch (refusal) {
        if (!(refusal instanceof RateLimiterRes)) throw refusal
        throw slowDown(refusal)
      }
    },
    async giveBack(key) {
      await limiter().reward(digest(key), 1)
    },
    async full(keys) {
      const named = new Map(keys.map((key) => [`${name}:${digest(key)}`, key]))
      const rows = await ask<{ key: string }>(
        'SELECT key FROM rate_limits WHERE key = ANY($1) AND points >= $2 AND expire > $3',
        [[...named.keys()], tries, Date.now()],
      )
      return new Set(rows.map(({ key }) => named.get(key)!))
    },
    async forgive(key) {
      await limiter().delete(digest(key))
    },
  }
}

function slowDown({ msBeforeNext }: RateLimiterRes) {
  return new SlowDown(new Date(Date.now() + msBeforeNext))
}
