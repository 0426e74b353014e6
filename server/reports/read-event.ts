/** One event of the access log, what stands around it, and what proves it. Looking at it is an event too. */
import { whatIsWrong } from '../audit/check-log.ts'
import { findCheckpointOf, listLeafHashes, listLeaves, TILE, type Checkpoint } from '../audit/log-proof.store.ts'
import { record } from '../audit/record.ts'
import { findEvent, listAround, listSameRequest } from '../audit/search-log.store.ts'
import { NotFound } from '../errors.ts'
import type { Reader } from '../sign-in/reader.ts'
import { withPeople, type ReadEvent } from './list-access-events.ts'

export interface EventProof {
  hash: Buffer | undefined
  previous: Buffer | undefined
  /** What is not as it was recorded. */
  wrong: string | undefined
  checkpoint: Checkpoint | undefined
}

export interface ReadOneEvent {
  event: ReadEvent
  sameRequest: ReadEvent[]
  around: ReadEvent[]
  aroundBy: 'actor' | 'network'
  /** Nothing while it waits for its place. */
  proof: EventProof | undefined
}

const AROUND = 5
const IN_REQUEST = 50

/** @throws NotFound when there is no such event @throws Unavailable when it cannot be recorded that they looked */
export async function readEvent(reader: Reader, id: string): Promise<ReadOneEvent> {
  // Before the look itself is recorded, which would else stand among what was done just after.
  const found = await findEvent(id)
  await record(reader.actor, {
    act: 'access-event.read',
    subject: { kind: 'event', id },
    ...(found ? {} : { outcome: 'failed' as const, reason: 'unknown' as const }),
  })
  if (!found) throw new NotFound('no such event')
  const [[event], { by, events }, sameRequest, proof] = await Promise.all([
    withPeople([found]),
    listAround(found, AROUND),
    listSameRequest(found, IN_REQUEST),
    found.leaf === null ? undefined : proofOf(found.leaf),
  ])
  const [around, inRequest] = await Promise.all([withPeople(events), withPeople(sameRequest)])
  return { event: event!, sameRequest: inRequest, around, aroundBy: by, proof }
}

async function proofOf(leaf: number): Promise<EventProof> {
  const hashOf = async (at: number) => (at < 0 ? undefined : (await listLeafHashes(Math.floor(at / TILE)))[at % TILE])
  const [[there], hash, previous, checkpoint] = await Promise.all([
    listLeaves(leaf, 1),
    hashOf(leaf),
    hashOf(leaf - 1),
    findCheckpointOf(leaf),
  ])
  return { hash, previous, wrong: whatIsWrong(there, hash), checkpoint }
}
