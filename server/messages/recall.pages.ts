/** Taking a message back. */
import type { Request, Response } from 'express'
import { record } from '../audit/record.ts'
import { NotFound } from '../errors.ts'
import { clock24, clockTime, inWords } from '../lib/dates.ts'
import { readerOf } from '../sign-in/guards.ts'
import { showPage, t } from '../web/page.ts'
import { namesOf } from './names.ts'
import { isHeld } from './legal-hold.store.ts'
import { listRecipients } from './message.store.ts'
import { claimOrRefuse, openSubject } from './open-thread.ts'
import { recallMessage } from './recall-message.ts'
import { messageIn } from './thread.pages.ts'

/** GET /messages/:message/recall */
export async function askRecall(request: Request, response: Response) {
  await showRecall(request, response, 200)
}

/** POST /messages/:message/recall */
export async function recall(request: Request, response: Response) {
  const id = messageIn(request)
  if ((await recallMessage(readerOf(request), id)) === 'recalled') return response.redirect(303, `/messages/${id}`)
  await showRecall(request, response, 409)
}

async function showRecall(request: Request, response: Response, status: number) {
  const reader = readerOf(request)
  const claimed = await claimOrRefuse(reader, messageIn(request))
  if (claimed.message.fromMailboxId !== claimed.mailboxId) throw new NotFound('not theirs to recall')
  if (claimed.message.recalledAt) return response.redirect(303, `/messages/${claimed.message.id}`)
  await record(reader.actor, { act: 'message.recall-asked', subject: { kind: 'message', id: claimed.message.id } })
  const recipients = await listRecipients([claimed.message.id])
  const names = await namesOf(recipients.map(({ mailboxId }) => mailboxId))
  const openedAt = recipients.map((recipient) => recipient.openedAt).find((at) => at !== null)
  const held = await isHeld(claimed.message.id, null)
  const clock = reader.account.role === 'provider' ? clock24 : clockTime
  const view = {
    title: t('messages:recall.title'),
    action: `/messages/${claimed.message.id}/recall`,
    backHref: `/messages/${claimed.message.id}`,
    subject: (await openSubject(reader, claimed)) || t('messages:inbox.noSubject'),
    to: names.mailbox(recipients[0]?.mailboxId ?? ''),
    sentAt: inWords(claimed.message.sentAt, new Date(), clock),
    openedAt: openedAt ? inWords(openedAt, new Date(), clock) : null,
    held:
      !openedAt && held
        ? t('messages:recall.held', { context: reader.account.role === 'provider' ? 'staff' : '' })
        : '',
    possible: !openedAt && !held,
  }
  showPage(request, response, 'messages/recall', view, status)
}
