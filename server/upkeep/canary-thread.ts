/**
 * The canary: one thread between two mailboxes of the system itself, with a text and a file that everybody may know. Their private halves rest
 * under the master key, so that whoever restores a backup can open it without anybody's secret and sees that the whole way works, from the master
 * key over mailbox, thread and message to the text and the file. It proves nothing of other people's keys.
 */
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { makeMailbox, openWaitingMailbox } from '../accounts/mailbox-key.ts'
import { listMailboxKeys } from '../accounts/mailbox.store.ts'
import { sealLabel, unsealAttachment, unsealBytes, unwrapFileKey, wrapFileKey } from '../attachments/attachment.ts'
import { insertUpload, listAttachmentsOf } from '../attachments/attachment.store.ts'
import { fileStore } from '../attachments/file-store.ts'
import { writeSealed } from '../attachments/sealed-files.ts'
import { system } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { ask, inTransaction, type Transaction } from '../database/connection.ts'
import { newId } from '../lib/ids.ts'
import { findForDrill, insertMessage, insertRecipients } from '../messages/message.store.ts'
import { insertThread, moveThread } from '../messages/thread.store.ts'
import { listWrapsOf } from '../messages/thread-key.store.ts'
import { makeThreadKey, unwrapThreadKey } from '../messages/thread-key.ts'
import { BODY_SEGMENT, sealEnvelope, unsealEnvelope } from '../vault/floe.ts'
import { padToBucket, unpad } from '../vault/padding.ts'
import { newKey, unwrapKey, wrapKey } from '../vault/wrap.ts'

const TEXT = 'This message is for nobody. Whoever restores a backup opens it to see that messages open.'
const FILE = Buffer.from('This file is for nobody. It is opened to see that files open.\n'.repeat(20))
const FILE_NAME = 'canary.txt'

/** Makes it once: with the first backup. */
export async function makeCanaryThread(now = new Date()): Promise<void> {
  if (await canaryMessageId()) return
  const fileId = newId(now)
  const fileKey = newKey()
  // Before its row: what nobody claims is swept.
  await writeSealed(fileId, `attachment/${fileId}`, fileKey, Readable.from([FILE]), FILE.length)
  await inTransaction(async (transaction) => {
    await ask('SELECT pg_advisory_xact_lock($1)', [ONE_AT_A_TIME], transaction)
    if (await canaryMessageId(transaction)) return
    const [from, to] = [await makeMailbox('system', now, transaction), await makeMailbox('system', now, transaction)]
    const threadId = newId(now)
    await insertThread({ id: threadId, createdAt: now }, transaction)
    const threadKey = await makeThreadKey(threadId, [from, to], now, transaction)
    const id = newId(now)
    const key = newKey()
    await insertMessage(
      {
        id,
        threadId,
        threadKeyId: threadKey.id,
        fromMailboxId: from.id,
        authorAccountId: null,
        submission: null,
        keyWrapped: wrapKey(threadKey.key, `message/${id}/key`, key),
        subjectSealed: null,
        bodySealed: sealEnvelope(key, `message/${id}/body`, padToBucket(TEXT), BODY_SEGMENT),
        fileCount: 1,
        sentAt: now,
        recalledAt: null,
      },
      transaction,
    )
    await insertUpload(
      {
        id: fileId,
        uploaderAccountId: null,
        uploaderMailboxId: from.id,
        uploaderMailboxVersion: from.version,
        draftId: null,
        messageId: id,
        position: 0,
        keyWrapped: wrapFileKey(fileId, key, fileKey),
        labelSealed: sealLabel(fileId, fileKey, {
          name: FILE_NAME,
          kind: 'text',
          type: 'text/plain',
          size: FILE.length,
        }),
        thumbnailId: null,
        uploadedAt: now,
        claimedAt: now,
        sealedBytes: String(await fileStore().size(fileId)),
        checkState: 'not-checked',
        checkKeySealed: null,
        checkTries: 0,
        checkedAt: null,
        drawnSealed: null,
      },
      transaction,
    )
    await insertRecipients(id, [to.id], transaction)
    await moveThread({ id, threadId, fromMailboxId: from.id, sentAt: now }, [from.id, to.id], transaction)
    await record(system, { act: 'message.dropped', subject: { kind: 'message', id } }, transaction, now)
    await ask(`INSERT INTO installation (name, value) VALUES ('canary-message', $1)`, [id], transaction)
  })
}

/** Opens it, text and file. @throws Error that says what did not open */
export async function openCanaryThread(): Promise<void> {
  const id = await canaryMessageId()
  const message = id && (await findForDrill(id))
  if (!message) throw new Error('there is no canary message')
  const [wrap] = (await listWrapsOf(message.threadKeyId)).filter(({ mailboxId }) => mailboxId !== message.fromMailboxId)
  const [mailbox] = wrap ? await listMailboxKeys([wrap.mailboxId]) : []
  if (!wrap || !mailbox) throw new Error('the canary thread has no key')
  const threadKey = unwrapThreadKey(await openWaitingMailbox(mailbox), wrap)
  const key = unwrapKey(threadKey, `message/${message.id}/key`, message.keyWrapped!)
  if (unpad(unsealEnvelope(key, `message/${message.id}/body`, message.bodySealed!)) !== TEXT)
    throw new Error('the canary message says something else')
  const [row] = await listAttachmentsOf([message.id])
  if (!row) throw new Error('the canary message has no file')
  const fileKey = unwrapFileKey(row, key)
  const bytes = await buffer(await unsealBytes(row, fileKey))
  if (unsealAttachment(row, fileKey).name !== FILE_NAME || !bytes.equals(FILE))
    throw new Error('the canary file holds something else')
}

async function canaryMessageId(transaction?: Transaction): Promise<string | undefined> {
  const rows = await ask<{ value: string }>(
    `SELECT value FROM installation WHERE name = 'canary-message'`,
    [],
    transaction,
  )
  return rows[0]?.value
}

/** Two first backups at once make one canary. */
const ONE_AT_A_TIME = 7_203_520
