/** How a message is protected, for those who take part in its conversation. */
import type { Request, Response } from 'express'
import { record } from '../audit/record.ts'
import { readerOf } from '../sign-in/guards.ts'
import { showPage } from '../web/page.ts'
import { namesOf } from './names.ts'
import { claimOrRefuse } from './open-thread.ts'
import { readProtection } from './protection.ts'
import { protectionView } from './protection.view.ts'
import { messageIn } from './thread.pages.ts'

/** GET /messages/:message/protection */
export async function showOwnProtection(request: Request, response: Response) {
  const reader = readerOf(request)
  const { message } = await claimOrRefuse(reader, messageIn(request))
  await record(reader.actor, { act: 'report.protection', subject: { kind: 'message', id: message.id } })
  const protection = await readProtection(message.id)
  const names = await namesOf(protection.wraps.map(({ mailboxId }) => mailboxId))
  const view = protectionView(protection, (id) => names.mailbox(id))
  showPage(request, response, 'messages/protection', { ...view, backHref: `/messages/${message.id}`, id: '' })
}
