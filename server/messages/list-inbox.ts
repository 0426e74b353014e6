/** The inbox: the reader's threads with their unsealed subjects. A list shows private things too, so it is recorded first. */
import { record } from '../audit/record.ts'
import type { Reader } from '../sign-in/reader.ts'
import { listThreads, type ListedThread, type ThreadFilter } from './thread.store.ts'
import { closedKeys, openMessageKeys, unsealText, type Closed } from './open-thread.ts'

export interface InboxThread extends ListedThread {
  subject: string
  /** Why its subject cannot be shown now, if so. */
  closed: Closed | undefined
}

export interface InboxPage {
  threads: InboxThread[]
  /** Where the next, older page begins. */
  older: { at: Date; threadId: string } | undefined
}

const PAGE = 50

/** @throws Unavailable when the log cannot be written */
export async function listInbox(
  reader: Reader,
  filter: ThreadFilter,
  before: { at: Date; threadId: string } | undefined,
): Promise<InboxPage> {
  await record(reader.actor, { act: 'inbox.listed' })
  const listed = await listThreads(reader, filter, before, PAGE + 1)
  const page = listed.slice(0, PAGE)
  const keys = await openMessageKeys(
    reader,
    page.map((thread) => ({
      id: thread.firstMessageId,
      threadKeyId: thread.firstThreadKeyId,
      keyWrapped: thread.firstKeyWrapped,
    })),
  )
  const without = page.filter((thread) => !thread.firstRecalledAt && !keys.has(thread.firstMessageId))
  const closed = await closedKeys(
    reader,
    without.map(({ firstThreadKeyId }) => firstThreadKeyId),
  )
  const threads = page.map((thread) => ({
    ...thread,
    subject: subjectOf(thread, keys.get(thread.firstMessageId)),
    closed: thread.firstRecalledAt ? undefined : closed.get(thread.firstThreadKeyId),
  }))
  const last = page.at(-1)
  return {
    threads,
    older: listed.length > PAGE && last ? { at: last.lastMessageAt, threadId: last.threadId } : undefined,
  }
}

function subjectOf(thread: ListedThread, key: Buffer | undefined): string {
  if (!key || !thread.firstSubjectSealed || thread.firstRecalledAt) return ''
  return unsealText(key, `message/${thread.firstMessageId}/subject`, thread.firstSubjectSealed)
}
