/** Threads to what a list may see. Pure. */
import { clock24, dayAndTime, inShort } from '../lib/dates.ts'
import { t } from '../web/page.ts'
import type { Draft } from './draft.ts'
import type { InboxPage, InboxThread } from './list-inbox.ts'
import type { ThreadFilter } from './thread.store.ts'
import type { Names } from './names.ts'

/** For somebody who reads their own mailbox. */
export function inboxView(
  page: InboxPage,
  names: Names,
  drafts: Omit<Draft, 'files'>[],
  filter: ThreadFilter,
  counts: Record<ThreadFilter, number>,
) {
  const showing = filter === 'unread' ? 'unread' : 'all'
  return {
    title: t('messages:inbox.title'),
    showing,
    allHref: '/messages',
    filters: [
      { href: '/messages', label: t('messages:inbox.all'), count: null, current: showing === 'all' },
      {
        href: '/messages?show=unread',
        label: t('messages:inbox.unread'),
        count: counts.unread || null,
        current: showing === 'unread',
      },
    ],
    messages: page.threads.map((thread) => ({
      href: `/messages/${thread.lastMessageId}`,
      subject: subjectOf(thread),
      from: names.mailbox(thread.otherMailboxId),
      team: '',
      sentAt: inShort(thread.lastMessageAt),
      unread: thread.unreadCount > 0,
      draft: drafts.some(({ threadId }) => threadId === thread.threadId),
      files: thread.fileCount,
    })),
    ...pagesOf(page, showing),
  }
}

const LISTS = ['needs-reply', 'waiting', 'not-opened', 'all'] as const

/** For a member of teams. */
export function teamInboxView(
  page: InboxPage,
  names: Names,
  drafts: Omit<Draft, 'files'>[],
  filter: ThreadFilter,
  counts: Record<ThreadFilter, number>,
  teams: string[],
) {
  return {
    title: t('messages:teamInbox.title'),
    heading: teams.join(', ') || t('messages:teamInbox.title'),
    newHref: '/messages/new',
    showing: filter,
    lists: LISTS.map((list) => ({
      href: `/messages?show=${list}`,
      label: t(`messages:teamInbox.${list}`),
      count: counts[list] || null,
      current: list === filter,
    })),
    teams: [],
    drafts: drafts
      .filter(({ threadId }) => !threadId)
      .map((draft) => ({
        href: `/messages/new?draft=${draft.id}`,
        to: draft.to,
        subject: draft.subject,
        savedAt: inShort(draft.savedAt, new Date(), clock24),
      })),
    threads: page.threads.map((thread) => ({
      href: `/messages/${thread.lastMessageId}`,
      patient: names.mailbox(thread.otherMailboxId),
      subject: subjectOf(thread),
      status: statusOf(thread),
      activityAt: inShort(thread.lastMessageAt, new Date(), clock24),
      unread: thread.unreadCount > 0,
      draft: drafts.some(({ threadId }) => threadId === thread.threadId),
      files: thread.fileCount,
      team: teams.length > 1 ? names.mailbox(thread.mailboxId) : '',
    })),
    lastReplyAt: null,
    ...pagesOf(page, filter),
  }
}

function subjectOf({ closed, subject }: InboxThread): string {
  return closed ? t(`messages:closed.${closed}.subject`) : subject
}

/** The state of a thread in words, by the truth of its newest message. */
function statusOf(thread: InboxThread): { tone: string; text: string } {
  const say = (name: string, tone: string, time = '') => ({
    tone,
    text: t(`messages:teamInbox.statuses.${name}`, { time }),
  })
  if (thread.lastRecalledAt) return say(thread.lastErasedWhy ?? 'recalled', 'plain')
  if (thread.lastFromMailboxId !== thread.mailboxId) return say('replied', 'info')
  if (thread.otherOpenedAt) return say('opened', 'ok', dayAndTime(thread.otherOpenedAt, new Date(), clock24).text)
  if (thread.otherNoticeFailedAt && !thread.otherNoticedAt) return say('noticeFailed', 'bad')
  return thread.otherNoticedAt ? say('noticed', 'warn') : say('sending', 'plain')
}

function pagesOf(page: InboxPage, show: string) {
  const older = page.older && `/messages?show=${show}&before=${page.older.at.getTime()}.${page.older.threadId}`
  return { newer: '', older: older ?? '' }
}
