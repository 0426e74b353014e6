/**
 * What nobody who is signed in does again and again. The first few times within an hour each is an event by itself; what comes after is counted, and told by
 * one event with the number: so a flood can fill neither ten years of log nor hide in it. It is counted by network, and once more for all networks together;
 * told it is by network, also where all of them together were too many.
 */
import type { Transaction } from '../database/connection.ts'
import { networkOf } from '../lib/network.ts'
import { lookupDigest, sealField, unsealField } from '../vault/vault.ts'
import type { Actor } from './actor.ts'
import type { AccessEvent } from './record.ts'
import { countRepeat, takeBackRecorded } from './repeated-event.store.ts'

/** How many events of one kind within an hour stand by themselves: from one network, and from all. */
const MOST = { fromOne: 20, fromAll: 1000 }
/** A link that is asked for is no more than that, by whomever. */
const MOST_FETCHED = { fromOne: 3, fromAll: 50 }

/** Counts it. @returns whether it is one that stands in the log by itself */
export async function isRecordedByItself(
  actor: Actor,
  event: AccessEvent,
  now: Date,
  transaction?: Transaction,
): Promise<boolean> {
  const most = event.act === 'link.fetched' ? MOST_FETCHED : MOST
  const ofNetwork = rowOf(event, networkOf(actor))
  if (!(await countRepeat(ofNetwork, most.fromOne, now, transaction))) return false
  if (await countRepeat(rowOf(event), most.fromAll, now, transaction)) return true
  await takeBackRecorded(ofNetwork.key, transaction)
  return false
}

/** @param network absent for all of them */
function rowOf({ act, subject, outcome = 'done', reason }: AccessEvent, network?: string) {
  const kind = lookupDigest('repeat', JSON.stringify([act, outcome, reason, subject?.kind, subject?.id]))
  const key = network === undefined ? kind : lookupDigest('repeat', JSON.stringify([kind.toString('hex'), network]))
  return {
    key,
    kind,
    act,
    outcome,
    reason: reason ?? null,
    subjectKind: subject?.kind ?? null,
    subjectId: subject?.id ?? null,
    networkSealed: network === undefined ? null : sealField(bindingOf(key), network),
  }
}

/** From which network. */
export function repeatedFrom({ key, networkSealed }: { key: Buffer | null; networkSealed: Buffer | null }): string {
  return key && networkSealed ? unsealField(bindingOf(key), networkSealed) : ''
}

/** What the network is sealed to. */
function bindingOf(key: Buffer): string {
  return `repeated-event/${key.toString('hex')}/network`
}
