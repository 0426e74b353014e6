/**
 * How often somebody may guess. Wrong tries at an account are counted in one bucket for each of its known devices and in one for all other
 * devices together: guesses from everywhere slow the strangers down, and the owner gets in. Names that nobody has are counted alike.
 * Buckets lapse by themselves; nothing is destroyed and no account is ever shut for good.
 */
import type { Account } from '../accounts/account.store.ts'
import { inTransaction } from '../database/connection.ts'
import { SlowDown } from '../errors.ts'
import type { SecurityChange } from '../jobs/names.ts'
import { limit, type Limit } from '../web/rate-limits.ts'
import { tellOfChange } from './tell-of-change.ts'

export interface Tries {
  /** Counts one try. @param device as `knownDeviceOf` names it @returns how many are left in its bucket @throws SlowDown */
  count(accountOrName: string, device: string | undefined): Promise<number>
  /** Gives one try back, that was right. Those of others stay counted. */
  giveBack(accountOrName: string, device: string | undefined): Promise<void>
  /** Of these accounts, those whose strangers' bucket is full. */
  full(accountIds: readonly string[]): Promise<Set<string>>
}

const TEN_MINUTES = 600
const A_DAY = 24 * 60 * 60

export const passwordTries = inBuckets(limit('password', 10, TEN_MINUTES, TEN_MINUTES))
// Counted apart: whoever has only the password can use up the tries of the app's codes, and the owner's recovery codes still count.
export const codeTriesADay = inBuckets(limit('code', 100, A_DAY))
export const recoveryCodeTriesADay = inBuckets(limit('recovery-code', 100, A_DAY))

const told = limit('told-of-tries', 1, A_DAY)

/** Tells the person that their strangers' bucket is full, once a day. */
export async function tellOfManyTries(
  account: Account,
  change: Extract<SecurityChange, 'many-wrong-tries' | 'many-wrong-codes'>,
  now: Date,
): Promise<void> {
  try {
    await told.count(`${change}/${account.id}`)
  } catch (error) {
    if (error instanceof SlowDown) return
    throw error
  }
  await inTransaction((transaction) => tellOfChange(account.id, change, now, transaction))
}

function inBuckets(tries: Limit): Tries {
  const bucket = (accountOrName: string, device: string | undefined) =>
    device ? `${accountOrName}/${device}` : accountOrName
  return {
    count: (...whose) => tries.count(bucket(...whose)),
    giveBack: (...whose) => tries.giveBack(bucket(...whose)),
    full: (accountIds) => tries.full(accountIds),
  }
}
