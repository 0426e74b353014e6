/** Letting somebody who signed in anew read the earlier messages of a conversation again. */
import type { Request, Response } from 'express'
import { findAccount } from '../accounts/account.store.ts'
import { keyMadeAt } from '../accounts/mailbox.store.ts'
import { howSignedInAnew } from '../audit/access-event.store.ts'
import { NotFound } from '../errors.ts'
import { clock24, clockTime, inWords } from '../lib/dates.ts'
import { readForm } from '../lib/form.ts'
import { isId } from '../lib/ids.ts'
import { readerOf } from '../sign-in/guards.ts'
import { showPage, t, toldErrors, type ToldError } from '../web/page.ts'
import { sharing } from './share-again.form.ts'
import { claimShutOut, messagesUnder, shareAgain } from './share-again.ts'
import { messageIn } from './thread.pages.ts'

const WAYS = { 'password.reset': 'alone', 'help.used': 'helped' }

/** GET /messages/:message/share-again/:mailbox: who it is, and how they signed in anew. Opening it does nothing. */
export async function askShareAgain(request: Request, response: Response) {
  await showShareAgain(request, response, 200)
}

/** POST /messages/:message/share-again/:mailbox */
export async function takeShareAgain(request: Request, response: Response) {
  const form = readForm(sharing, request.body)
  if (!form.values) return showShareAgain(request, response, 422, toldErrors(form.errors))
  const [message, mailbox] = [messageIn(request), mailboxIn(request)]
  const done = await shareAgain(readerOf(request), message, mailbox, Number(form.values.version))
  if (done) return response.redirect(303, `/messages/${message}?shared-with=${mailbox}`)
  // They signed in anew since the page was opened, which is another question; or there is nothing left to do.
  await showShareAgain(request, response, 409)
}

async function showShareAgain(request: Request, response: Response, status: number, errors: ToldError[] = []) {
  const reader = readerOf(request)
  const message = messageIn(request)
  const { claimed, shutOut } = await claimShutOut(reader, message, mailboxIn(request))
  if (!shutOut) return response.redirect(303, `/messages/${message}`)
  const { mailbox, threadKeyIds } = shutOut
  const staff = reader.account.role !== 'patient'
  const [person, madeAt, messages] = await Promise.all([
    findAccount(mailbox.accountId),
    keyMadeAt(mailbox.id, mailbox.version),
    messagesUnder(claimed, threadKeyIds),
  ])
  if (!person || !madeAt) throw new NotFound('nobody to share with')
  const how = await howSignedInAnew(mailbox.accountId, madeAt)
  const view = {
    title: t('messages:shareAgain.title'),
    action: `/messages/${message}/share-again/${mailbox.id}`,
    backHref: `/messages/${message}`,
    name: person.name,
    address: staff ? person.email : '',
    at: inWords(madeAt, new Date(), staff ? clock24 : clockTime),
    how: t('messages:shareAgain.how', { context: how && WAYS[how] }),
    count: messages.length,
    version: mailbox.version,
    anew: status === 409,
    errors,
  }
  showPage(request, response, 'messages/share-again', view, status)
}

function mailboxIn(request: Request): string {
  const id = request.params['mailbox']
  if (!isId(id)) throw new NotFound('not an id')
  return id
}
