/**
 * Counts what came into the access log since the last look: who opened how much, who was refused how often. Events are taken by their place in the tree,
 * which grows in the order in which they became visible, so none is missed and none counted twice. What nobody is refused again and again is told by the
 * log an hour later: it is counted where it is collected, when it happens.
 */
import { repeatedFrom } from '../audit/repeats.ts'
import type { Transaction } from '../database/connection.ts'
import { clock24 } from '../lib/dates.ts'
import { networkOf } from '../lib/network.ts'
import { settings } from '../settings/settings.ts'
import { unsealField } from '../vault/vault.ts'
import { COUNTED, type CountedRule } from './alarm.ts'
import { addCounts, listNewEvents, takeNewRepeats, type Counted, type NewEvent } from './alarm-count.store.ts'
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

/** Networks with repeats that are counted by name in one look; each refusal counts for the whole server. */
const MOST_NETWORKS = 2000

export async function countEvents(from: number, to: number, transaction: Transaction): Promise<Found> {
  const counts = new Map<CountedRule, Map<string, Counted>>()
  const wholeServer = whomOfText('')
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
    const actor = event.actorId && event.actorKind === 'account' ? whomOfAccount(event.actorId) : null
    for (const rule of times === undefined ? rulesOf(event) : []) {
      const whoms = [
        actor,
        networkIn(address),
        ...(rule === 'refusals' ? [whomIsTried(event, actor), wholeServer] : []),
      ]
      for (const whom of whoms.filter((each) => each !== null))
        if (rule !== 'unusual-hours' || whom.accountId) add(rule, whom, event.at, 1)
    }
  }
  for (const [place, repeats] of (await takeNewRepeats(transaction)).entries()) {
    const network = place < MOST_NETWORKS ? networkIn(repeatedFrom(repeats)) : null
    for (const whom of [network, whomIsTried(repeats, null), wholeServer].filter((each) => each !== null))
      add('refusals', whom, repeats.lastAt, repeats.more)
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

function networkIn(address = ''): Whom | null {
  return address ? whomOfText(networkOf({ address })) : null
}

/** Whose account somebody tries to get into, from however many networks. */
function whomIsTried({ act, subjectKind, subjectId }: Tried, actor: Whom | null): Whom | null {
  const isTry = act.startsWith('sign-in.') && subjectKind === 'account' && subjectId !== null
  return isTry && subjectId !== actor?.accountId ? whomOfAccount(subjectId) : null
}

type Tried = Pick<NewEvent, 'act' | 'subjectKind' | 'subjectId'>

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
function detailsOf({ id, detailsSealed }: NewEvent): { address?: string; times?: number } {
  if (!detailsSealed) return {}
  try {
    return JSON.parse(unsealField(`access-event/${id}`, detailsSealed)) as { address?: string; times?: number }
  } catch {
    return {}
  }
}
