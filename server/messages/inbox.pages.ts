/** The inbox. */
import type { Request, Response } from 'express'
import { BadInput } from '../errors.ts'
import { isId } from '../lib/ids.ts'
import { readerOf } from '../sign-in/guards.ts'
import { showPage } from '../web/page.ts'
import { listDraftTexts } from './draft.ts'
import { inboxView, teamInboxView } from './inbox.view.ts'
import { listInbox } from './list-inbox.ts'
import { countThreads, type ThreadFilter } from './thread.store.ts'
import { namesOf } from './names.ts'

const FILTERS: readonly ThreadFilter[] = ['all', 'unread', 'needs-reply', 'waiting', 'not-opened']

/** GET /messages */
export async function showInbox(request: Request, response: Response) {
  const reader = readerOf(request)
  const staff = reader.account.role === 'provider'
  const filter = readFilter(request.query['show'], staff ? 'needs-reply' : 'all')
  const [page, counts, drafts] = await Promise.all([
    listInbox(reader, filter, readPlace(request.query['before'])),
    countThreads(reader),
    listDraftTexts(reader),
  ])
  const inThreads = page.threads.flatMap((thread) => [thread.otherMailboxId, thread.mailboxId])
  const own = reader.mailboxes.map(({ id }) => id)
  const names = await namesOf(staff ? [...own, ...inThreads] : inThreads)
  if (!staff) return showPage(request, response, 'messages/inbox', inboxView(page, names, drafts, filter, counts))
  const teams = own.flatMap((id) => names.teamOf(id) ?? [])
  showPage(request, response, 'messages/team-inbox', teamInboxView(page, names, drafts, filter, counts, teams))
}

function readFilter(given: unknown, fallback: ThreadFilter): ThreadFilter {
  if (given === undefined) return fallback
  const filter = FILTERS.find((each) => each === given)
  if (!filter) throw new BadInput('no such list')
  return filter
}

function readPlace(given: unknown): { at: Date; threadId: string } | undefined {
  if (given === undefined) return undefined
  const [, at, threadId] = /^(\d{1,15})\.(.+)$/.exec(String(given)) ?? []
  if (!at || !isId(threadId)) throw new BadInput('no such page')
  return { at: new Date(Number(at)), threadId }
}
