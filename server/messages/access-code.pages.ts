/** The access code of somebody who has not enrolled, for the team that wrote to them: what became of it, and making a new one. */
import type { Request, Response } from 'express'
import { findAccount, type Account } from '../accounts/account.store.ts'
import { listMailboxKeys } from '../accounts/mailbox.store.ts'
import { recordDenied } from '../audit/record.ts'
import { NotFound } from '../errors.ts'
import { clock24, day, dayAndTime } from '../lib/dates.ts'
import { makeAccessCode, stillCounts } from '../enrolment/access-code.ts'
import { findAccessCode, type AccessCodeRow } from '../enrolment/access-code.store.ts'
import { readerOf } from '../sign-in/guards.ts'
import { keepToShow, takeToShow } from '../enrolment/shown-access-code.ts'
import { showPage, t } from '../web/page.ts'
import { accessCodeView } from './access-code.view.ts'
import { listRecipients } from './message.store.ts'
import { claimOrRefuse } from './open-thread.ts'
import { messageIn } from './thread.pages.ts'

/** GET /messages/:message/access-code */
export async function showAccessCode(request: Request, response: Response) {
  const { messageId, recipient } = await recipientOf(request)
  if (recipient.state !== 'invited') return response.redirect(303, `/messages/${messageId}`)
  const row = await findAccessCode(recipient.id)
  showPage(request, response, 'messages/access-code', {
    title: t('messages:accessCode.title'),
    action: `/messages/${messageId}/access-code`,
    backHref: `/messages/${messageId}`,
    address: recipient.email,
    accessCode: accessCodeView(messageId, takeToShow(request, messageId)),
    asked: row ? await askedView(row) : null,
  })
}

async function askedView(row: AccessCodeRow) {
  const now = new Date()
  const state = row.provedAt ? (stillCounts(row, now) ? 'given' : 'lapsed') : stillCounts(row, now) ? 'open' : 'expired'
  return {
    state,
    by: (await findAccount(row.madeBy))?.name ?? '',
    madeAt: dayAndTime(row.madeAt, now, clock24),
    givenAt: row.provedAt && dayAndTime(row.provedAt, now, clock24),
    until: day(row.expiresAt),
  }
}

/** POST /messages/:message/access-code: a new one; the old one is dead. */
export async function makeNewAccessCode(request: Request, response: Response) {
  const { messageId, recipient } = await recipientOf(request)
  const made = await makeAccessCode(readerOf(request).actor, recipient.id)
  if (made) keepToShow(request, messageId, made)
  response.redirect(303, made ? `/messages/${messageId}/access-code` : `/messages/${messageId}`)
}

/** Who a message of the reader's side went to. @throws NotFound when it is not theirs, or went to no single person */
async function recipientOf(request: Request): Promise<{ messageId: string; recipient: Account }> {
  const reader = readerOf(request)
  const { message } = await claimOrRefuse(reader, messageIn(request))
  if (!reader.mailboxes.some(({ id }) => id === message.fromMailboxId)) {
    await recordDenied(reader.actor, 'access-code.made', { kind: 'message', id: message.id }, 'not-sent-by-them')
    throw new NotFound('not sent by them')
  }
  const [recipient] = await listRecipients([message.id])
  const [mailbox] = await listMailboxKeys(recipient ? [recipient.mailboxId] : [])
  const account = mailbox?.accountId ? await findAccount(mailbox.accountId) : undefined
  if (account?.role !== 'patient') throw new NotFound('no patient')
  return { messageId: message.id, recipient: account }
}
