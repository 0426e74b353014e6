/** Tells whoever sent a file that it was not passed on, or waits to be checked: that there is one, and nothing of it. */
import { isShut, findAccount } from '../accounts/account.store.ts'
import { findAttachment } from '../attachments/attachment.store.ts'
import { system } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import type { JobPayloads } from '../jobs/names.ts'
import { mailOrRecord } from './mail-or-record.ts'
import { noticeView } from './notice.view.ts'

export async function sendFileNotice(
  { attachmentId, about }: JobPayloads['send-file-notice'],
  now = new Date(),
): Promise<void> {
  const file = await findAttachment(attachmentId)
  const account = file?.uploaderAccountId ? await findAccount(file.uploaderAccountId) : undefined
  // Gone, or judged since.
  if (file?.checkState !== about || !account || isShut(account)) return
  const subject = { kind: 'attachment' as const, id: attachmentId }
  const place = file.messageId ? `/messages/${file.messageId}` : '/messages'
  const mail = { to: account.email, template: 'file-notice', view: { ...noticeView(place), about } }
  await mailOrRecord(
    async (transaction) => {
      await record(system, { act: 'notice.sent', subject }, transaction, now)
      return mail
    },
    (reason, transaction) =>
      record(system, { act: 'notice.failed', subject, outcome: 'failed', reason }, transaction, now),
    now,
  )
}
