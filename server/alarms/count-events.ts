/**
 * Counts what came into the access log since the last look: who opened how much, who was refused how often. Events are taken by their place in the tree,
 * which grows in the order in which they became visible, so none is missed and none counted twice.
 */
import type { Transaction } from '../database/connection.ts'
import { clock24 } from '../lib/dates.ts'
import { settings } from '../settings/settings.ts'
import { unsealField } from '../vault/vault.ts'
import { COUNTED, type CountedRule } from './alarm.ts'
import { addCounts, listNewEvents, type Counted, type NewEvent } from './alarm-count.store.ts'
import { whomOfAccount, whomOfText, type Whom } from './alarm.store.ts'

/** What a look found. */
export interface Found {
  /** Whose counts grew, by rule. */
  touched: Record<CountedRule, Map<string, Whom>>
  /** Accounts that were slowed. */
  slowed: Map<string, Whom>
  /** Whether the log could not be verified. */
  unverifiable: boolean
}

export async function countEvents(from: number, to: number, transaction: Transaction): Promise<Found> {
  const counts = new Map<CountedRule, Map<string, Counted>>()
  const found: Found = {
    touched: { 'mass-opening': new Map(), 'unusual-hours': new Map(), refusals: new Map() },
    slowed: new Map(),
    unverifiable: false,
  }
  for (const event of await listNewEvents(from, to, transaction)) {
    if (event.act === 'log.refused' || event.act === 'log.found-changed') found.unverifiable = true
    if (event.act === 'openings.slowed' && event.actorId) {
      const whom = whomOfAccount(event.actorId)
      found.slowed.set(whom.digest.toString('hex'), whom)
    }
    const { address, times } = detailsOf(event)
    const whoms = [
      event.actorId && event.actorKind === 'account' ? whomOfAccount(event.actorId) : null,
      address ? whomOfText(address) : null,
    ]
    for (const rule of rulesOf(event))
      for (const whom of whoms.filter((each) => each !== null))
        if (rule !== 'unusual-hours' || whom.accountId) add(rule, whom, event.at, times)
  }
  for (const [rule, each] of counts) await addCounts(rule, [...each.values()], transaction)
  return found

  function add(rule: CountedRule, whom: Whom, at: Date, times: number) {
    const { step } = COUNTED[rule]
    const begins = new Date(Math.floor(at.getTime() / step) * step)
    const digest = whom.digest.toString('hex')
    const key = `${digest} ${begins.getTime()}`
    const ofRule = counts.get(rule) ?? new Map<string, Counted>()
    counts.set(rule, ofRule)
    ofRule.set(key, { whom, at: begins, count: (ofRule.get(key)?.count ?? 0) + times })
    found.touched[rule].set(digest, whom)
  }
}

function rulesOf({ act, outcome, actorKind, actorRole, at }: NewEvent): CountedRule[] {
  if (outcome === 'denied' || act.endsWith('refused')) return ['refusals']
  if (outcome !== 'done' || actorKind !== 'account') return []
  const isStaff = actorRole !== null && actorRole !== 'patient'
  return isStaff && isUnusualHour(at) ? ['mass-opening', 'unusual-hours'] : ['mass-opening']
}

/** In the organisation's time zone; over midnight when the beginning is later than the end. */
export function isUnusualHour(at: Date): boolean {
  const { nightFrom, nightTo } = settings()
  const hour = parseInt(clock24(at), 10)
  return nightFrom <= nightTo ? hour >= nightFrom && hour < nightTo : hour >= nightFrom || hour < nightTo
}

/** Details that do not open say nothing of whom it was; that they do not is found elsewhere. */
function detailsOf({ id, detailsSealed }: NewEvent): { address?: string; times: number } {
  if (!detailsSealed) return { times: 1 }
  try {
    const { address, times } = JSON.parse(unsealField(`access-event/${id}`, detailsSealed)) as {
      address?: string
      times?: number
    }
    return { ...(address ? { address } : {}), times: times ?? 1 }
  } catch {
    return { times: 1 }
  }
}
