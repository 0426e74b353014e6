/**
 * Record, then reveal. Whoever shows something private calls `record` first, in the transaction that also notes the opening; when the
 * event cannot be written that is `Unavailable`, and nothing is shown.
 */
import { createHash } from 'node:crypto'
import type { Transaction } from '../database/connection.ts'
import { Unavailable } from '../errors.ts'
import { newId } from '../lib/ids.ts'
import { logError } from '../lib/logger.ts'
import { sealField } from '../vault/vault.ts'
import { insertAccessEvents, type AccessEventRow } from './access-event.store.ts'
import type { Act } from './acts.ts'
import type { Actor } from './actor.ts'
import { addressDigest } from './address-digest.ts'
import { macOfEvent, timeInLeaf } from './leaf.ts'
import type { Reason } from './reasons.ts'
import { isRecordedByItself } from './repeats.ts'

export interface AccessEvent {
  act: Act
  subject?: {
    kind: 'message' | 'thread' | 'attachment' | 'account' | 'team' | 'page' | 'backup' | 'event' | 'alarm' | 'export'
    id?: string
  }
  outcome?: 'done' | 'denied' | 'failed'
  reason?: Reason
  /** Why, in the words of whoever acts. Sealed like all details. */
  said?: string
  /** What a setting, a role or a state was and became, in words of ours or as an administrator wrote it. Sealed likewise. */
  before?: string
  after?: string
  /** What was looked for in the log, as it stands in the page's address. Sealed likewise. */
  asked?: string
  /** What does not fit in an envelope, for whoever looks into it: in the words of the vault, and never of a person. */
  found?: string
  /** How often, where one line stands for many. */
  times?: number
}

/** Writes one event for each thing that `actor` does now. @throws Unavailable when the log cannot be written */
export async function record(
  actor: Actor,
  events: AccessEvent | AccessEvent[],
  transaction?: Transaction,
  now = new Date(),
): Promise<void> {
  try {
    const kept = await withoutRepeats(actor, [events].flat(), now, transaction)
    await insertAccessEvents(
      kept.map((event) => toRow(actor, event, now)),
      transaction,
    )
  } catch (error) {
    logError('The access log cannot be written', error)
    throw new Unavailable('the access log cannot be written')
  }
}

/** What nobody who is signed in is refused, or asks for, again and again: see repeats.ts. */
async function withoutRepeats(
  actor: Actor,
  events: AccessEvent[],
  now: Date,
  transaction: Transaction | undefined,
): Promise<AccessEvent[]> {
  if (actor.kind !== 'anonymous') return events
  const kept: AccessEvent[] = []
  for (const event of events)
    if (!isRepeatable(event) || (await isRecordedByItself(actor, event, now, transaction))) kept.push(event)
  return kept
}

function isRepeatable({ act, outcome, times }: AccessEvent): boolean {
  return times === undefined && (outcome === 'denied' || act === 'link.fetched')
}

/** Records that something was refused, in a transaction of its own, so that the refusal's roll-back does not take the event with it. */
export function recordDenied(actor: Actor, act: Act, subject: AccessEvent['subject'], reason: Reason): Promise<void> {
  return record(actor, { act, outcome: 'denied', reason, ...(subject ? { subject } : {}) })
}

function toRow(actor: Actor, event: AccessEvent, now: Date): AccessEventRow {
  const id = newId(now)
  const details = JSON.stringify({
    address: actor.address,
    userAgent: actor.userAgent?.slice(0, 300),
    session: actor.session,
    reason: event.reason,
    said: event.said,
    before: event.before,
    after: event.after,
    asked: event.asked,
    found: event.found,
    times: event.times,
  })
  const detailsSealed = details === '{}' ? null : sealField(`access-event/${id}`, details)
  const row: Omit<AccessEventRow, 'mac' | 'addressDigest'> = {
    id,
    at: now,
    actorKind: actor.kind,
    actorId: actor.id ?? null,
    actorRole: actor.role ?? null,
    strength: actor.strength,
    act: event.act,
    subjectKind: event.subject?.kind ?? null,
    subjectId: event.subject?.id ?? null,
    outcome: event.outcome ?? 'done',
    requestId: actor.requestId ?? null,
    detailsSealed,
    // Of the sealed bytes, so that a changed byte is found without any key.
    detailsDigest: detailsSealed && createHash('sha256').update(detailsSealed).digest(),
  }
  return { ...row, mac: macOfEvent({ ...row, at: timeInLeaf(now) }), addressDigest: addressDigest(actor) }
}
