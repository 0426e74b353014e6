/** Sending a reply exactly once, and not past a newer message that its writer has not seen. */
import { NotFound } from '../errors.ts'
import { isTaken } from '../database/connection.ts'
import { isId } from '../lib/ids.ts'
import type { Reader } from '../sign-in/reader.ts'
import { takeDraft } from './draft.store.ts'
import { replyToThread } from './drop-message.ts'
import { claimMessage, findBySubmission, listThread, type Claimed } from './message.store.ts'

/** Sends it once: whoever comes second with the same form finds the first one's message. */
export async function sendReplyOnce(
  reader: Reader,
  claimed: Claimed,
  content: { body: string; draftId: string; submission: string },
): Promise<string> {
  const id = await replyToThread(reader, claimed.threadId, claimed.mailboxId, content).catch((error: unknown) => {
    if (isTaken(error, 'messages_submission_key')) return undefined
    throw error
  })
  if (id) return id
  const sent = await findBySubmission(reader, content.submission)
  if (!sent) throw new NotFound('the draft was used elsewhere')
  // It was written again while the first one was on its way.
  await takeDraft(reader.account.id, content.draftId)
  return sent.id
}

/** Whether the other side wrote since this page was shown. */
export async function isOvertaken(reader: Reader, claimed: Claimed, seen: string): Promise<boolean> {
  if (!isId(seen)) return false
  const [before, newest] = await Promise.all([claimMessage(reader, seen), newestOf(claimed)])
  return (
    before !== undefined &&
    newest !== undefined &&
    newest.sentAt > before.message.sentAt &&
    newest.fromMailboxId !== claimed.mailboxId
  )
}

async function newestOf(claimed: Claimed) {
  return (await listThread(claimed)).filter((message) => !message.recalledAt).at(-1)
}

const turns = new Map<string, Promise<void>>()

/**
 * Forms of one number are worked on one after another: the button pressed twice must not put its second copies of the files into the first
 * one's message. That it is one message, on any number of processes, is held by the database.
 */
export async function inTurn(form: string, work: () => Promise<void>): Promise<void> {
  const turn = (turns.get(form) ?? Promise.resolve()).then(work, work)
  turns.set(form, turn)
  try {
    await turn
  } finally {
    if (turns.get(form) === turn) turns.delete(form)
  }
}
