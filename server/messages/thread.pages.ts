/** The page of a thread with its reply form. */
import type { Request, Response } from 'express'
import { NotFound } from '../errors.ts'
import { isId, newId } from '../lib/ids.ts'
import { readerOf } from '../sign-in/guards.ts'
import { showPage, t, type ToldError } from '../web/page.ts'
import { findLastHandover, type Handover } from './thread-handover.store.ts'
import { openDraft } from './draft.ts'
import { threadView } from './message.view.ts'
import { namesOf } from './names.ts'
import { openThread } from './open-thread.ts'
import { listShutOut } from './share-again.ts'

/** GET /messages/:message */
export async function showMessage(request: Request, response: Response) {
  await showThread(request, response, messageIn(request))
}

export interface Again {
  body?: string
  submission?: string
  seen?: string
  newer?: boolean
  errors?: ToldError[]
}

/** The thread of a message with its reply form; `again` holds what was typed when the form has to be shown again. */
export async function showThread(request: Request, response: Response, messageId: string, again: Again = {}) {
  const reader = readerOf(request)
  const thread = await openThread(reader, messageId)
  const draft = await openDraft(reader, { threadId: thread.id })
  const mailboxes = thread.messages.flatMap((message) => [
    message.fromMailboxId,
    ...message.recipients.map(({ mailboxId }) => mailboxId),
  ])
  const names = await namesOf(
    mailboxes,
    thread.messages.map(({ authorAccountId }) => authorAccountId),
  )
  const newest = thread.messages.at(-1)!.id
  const view = threadView(thread, names, reader.account.role === 'provider', {
    submission: again.submission ?? draft?.id ?? newId(),
    seen: newest,
    body: again.body ?? draft?.body ?? '',
    draft,
  })
  const shutOut = (await listShutOut(reader, thread.id)).map(({ mailbox }) => ({
    text: t('messages:shutOut.text', { name: names.mailbox(mailbox.id) }),
    href: `/messages/${newest}/share-again/${mailbox.id}`,
  }))
  const sharedWith = mailboxes.find((id) => id === request.query['shared-with'])
  const shared = sharedWith ? t('messages:shutOut.done', { name: names.mailbox(sharedWith) }) : ''
  const handover = await findLastHandover(thread.id)
  const handedOver = handover ? await handoverInWords(handover) : ''
  const newer = again.newer ? { href: `#message-${newest}` } : null
  showPage(
    request,
    response,
    'messages/thread',
    { ...view, handedOver, newer, shutOut, shared, errors: again.errors ?? [] },
    again.errors ? 422 : 200,
  )
}

/** Who answers now, in place of whom. */
async function handoverInWords({ fromMailboxId, toMailboxId }: Handover): Promise<string> {
  const names = await namesOf([fromMailboxId, toMailboxId])
  return t('messages:thread.handedOver', { from: names.mailbox(fromMailboxId), to: names.mailbox(toMailboxId) })
}

/** The id in the path. @throws NotFound for what has not the shape of an id */
export function messageIn(request: Request): string {
  const id = request.params['message']
  if (!isId(id)) throw new NotFound('not an id')
  return id
}
