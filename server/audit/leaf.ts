/**
 * What a leaf of the log's tree says: an event, all of it but the sealed details, of which it has the digest. docs/access-log.md has it too. The MAC in
 * it was made by whoever recorded the event; an event that somebody put into the database without our keys is a leaf that says so.
 */
import { isRowMac, rowMac } from '../vault/row-mac.ts'
import type { SequencedEvent } from './log-proof.store.ts'

/** The bytes that are hashed into the tree, as UTF-8: a JSON array without spaces, in this order. */
export function leafOf(event: SequencedEvent): Buffer {
  return Buffer.from(JSON.stringify(leafFields(event)))
}

/** The same, before it is written out; an export has it in each line. A row that was taken away before it had a place is a leaf that says so. */
export function leafFields(event: SequencedEvent): (string | null)[] {
  if (event.act === null) return ['letterlock-missing-event-1', event.id, event.at]
  const fields = fieldsOf(event)
  const kind = isRowMac(TABLE, fields, event.mac) ? 'letterlock-event-1' : 'letterlock-unproved-event-1'
  return [kind, ...fields, inBase64(event.mac)]
}

/** By which an event is known as recorded here until it has its place. */
export function macOfEvent(event: Omit<SequencedEvent, 'mac'>): Buffer {
  return rowMac(TABLE, fieldsOf(event))
}

/** UTC with microseconds, as the database says it. */
export function timeInLeaf(at: Date): string {
  return at.toISOString().replace('Z', '000Z')
}

const TABLE = 'access_events'

function fieldsOf(event: Omit<SequencedEvent, 'mac'>): (string | null)[] {
  return [
    event.id,
    event.at,
    event.actorKind,
    event.actorId,
    event.actorRole,
    event.strength,
    event.act,
    event.subjectKind,
    event.subjectId,
    event.outcome,
    event.requestId,
    inBase64(event.detailsDigest),
  ]
}

function inBase64(bytes: Buffer | null): string | null {
  return bytes && bytes.toString('base64')
}
