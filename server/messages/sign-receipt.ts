/** A receipt that a sender can hand on: signed, and each line of it proved by the access log. */
import { proveEvents } from '../audit/prove-events.ts'
import { logKeyName, logVerifier } from '../audit/sign-checkpoint.ts'
import type { Reader } from '../sign-in/reader.ts'
import { signNote } from '../vault/log-key.ts'
import { readReceipt } from './read-receipt.ts'
import { proofText, receiptText } from './receipt.ts'

/** @throws NotFound, Unavailable (the log cannot be written, or proves nothing now) */
export async function signReceipt(reader: Reader, messageId: string, now = new Date()): Promise<string> {
  const receipt = await readReceipt(reader, messageId, 'receipt.downloaded', now)
  const { checkpoint, events } = await proveEvents(
    receipt.lines.map(({ eventId }) => eventId),
    now,
  )
  const leaves = new Map(events.map(({ leaf, fields }) => [fields[1]!, leaf]))
  const text = receiptText(receipt, leaves, await logVerifier(), now)
  const note = signNote(receiptKeyName(await logKeyName()), text)
  return [note, ...events.map((event) => proofText(event, checkpoint))].join('\n')
}

/** A kind of note has a key name of its own, so that nothing that was signed as another can be shown as a receipt. */
function receiptKeyName(logName: string): string {
  return logName.replace(/access-log$/, 'receipt')
}
