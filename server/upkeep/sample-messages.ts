/**
 * In managed mode a few real messages of a restored database are opened in memory, by the organisation's recovery key, to see that they open. They
 * are shown to nobody, and each of them is in the log of the installation before it is opened.
 */
import { openMailboxByRecovery } from '../accounts/mailbox-key.ts'
import { listMailboxKeys } from '../accounts/mailbox.store.ts'
import { unsealAttachment, unsealBytes, unwrapFileKey } from '../attachments/attachment.ts'
import { listAttachmentsOf } from '../attachments/attachment.store.ts'
import { FileMissing } from '../attachments/file-store.ts'
import { system } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { ask } from '../database/connection.ts'
import { NotFound } from '../errors.ts'
import { findForDrill } from '../messages/message.store.ts'
import { listWrapsOf, type ThreadKeyWrap } from '../messages/thread-key.store.ts'
import { unwrapThreadKey } from '../messages/thread-key.ts'
import { EnvelopeRefused, unsealEnvelope } from '../vault/floe.ts'
import { pairOfPrivate } from '../vault/hpke.ts'
import { unpad } from '../vault/padding.ts'
import { unwrapKey } from '../vault/wrap.ts'

/** Up to `count` messages that have their key, by chance. */
export async function drawMessages(count: number): Promise<string[]> {
  const rows = await ask<{ id: string }>(
    `SELECT id FROM messages WHERE key_wrapped IS NOT NULL AND author_account_id IS NOT NULL ORDER BY random() LIMIT $1`,
    [count],
  )
  return rows.map(({ id }) => id)
}

/** In the log of the installation that this process is joined to. */
export async function recordSampled(ids: readonly string[], now = new Date()): Promise<void> {
  const events = ids.map((id) => ({ act: 'message.sampled' as const, subject: { kind: 'message' as const, id } }))
  if (events.length > 0) await record(system, events, undefined, now)
}

/** @returns why it does not open, or nothing when it does. The caller has recorded it. */
export async function tryMessage(id: string): Promise<string | undefined> {
  try {
    const message = await findForDrill(id)
    if (!message?.keyWrapped || !message.bodySealed) return 'it has no key'
    const [wrap] = await listWrapsOf(message.threadKeyId)
    if (!wrap) return 'its thread has no key'
    const key = unwrapKey(await openForDrill(wrap), `message/${id}/key`, message.keyWrapped)
    unpad(unsealEnvelope(key, `message/${id}/body`, message.bodySealed))
    for (const row of await listAttachmentsOf([id])) {
      const fileKey = unwrapFileKey(row, key)
      unsealAttachment(row, fileKey)
      await readToEnd(await unsealBytes(row, fileKey))
    }
    return undefined
  } catch (error) {
    if (error instanceof EnvelopeRefused || error instanceof FileMissing || error instanceof NotFound)
      return error.message
    throw error
  }
}

async function openForDrill(wrap: ThreadKeyWrap): Promise<Buffer> {
  const [mailbox] = await listMailboxKeys([wrap.mailboxId])
  if (!mailbox) throw new NotFound('its mailbox is not there')
  const { privateKey } = await openMailboxByRecovery({ ...mailbox, version: wrap.mailboxVersion })
  return unwrapThreadKey(pairOfPrivate(privateKey), wrap)
}

/** A file may be large: every segment is opened and none is kept. */
async function readToEnd(bytes: AsyncIterable<Buffer>): Promise<void> {
  for await (const chunk of bytes) chunk.fill(0)
}
