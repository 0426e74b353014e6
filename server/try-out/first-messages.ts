/** A few messages to begin with, so that every list shows its states. Invented, and sent through the front door. */
import { newId } from '../lib/ids.ts'
import { saveDraft, writerOf } from '../messages/draft.ts'
import { dropMessage, replyToThread } from '../messages/drop-message.ts'
import { openThread } from '../messages/open-thread.ts'
import type { Reader } from '../sign-in/reader.ts'

const HOUR = 60 * 60 * 1000

export async function sendFirstMessages(dana: Reader, sam: Reader, maria: Reader): Promise<void> {
  const ago = (hours: number) => new Date(Date.now() - hours * HOUR)
  const result = await send(dana, maria.account.email, ago(50), 'Your blood test result', [
    'Dear Maria,',
    'Your new blood test is back. Your sugar level is better than last time. Keep taking your medicine as you do now.',
    'Please tell us how your foot is healing.',
  ])
  const opened = await openThread(maria, result, ago(26))
  await answer(maria, opened.id, opened.mailboxId, ago(25), [
    'Thank you, that is good news. My foot is a little better. I can walk to the shop again.',
  ])
  await send(sam, maria.account.email, ago(3), 'Your next visit', [
    'Dear Maria,',
    'Your next visit is on Thursday at 10 am. Please bring your blood sugar diary.',
    'If the time does not suit you, answer here and we will find another.',
  ])
  await send(dana, 'james.lee@mail.example', ago(2), 'How to use your new inhaler', [
    'Dear James,',
    'Here is how to use your new inhaler: shake it, breathe out, then press and breathe in slowly.',
    'Write to us when something is not clear.',
  ])
}

async function send(from: Reader, to: string, when: Date, subject: string, paragraphs: string[]): Promise<string> {
  const draftId = newId(when)
  const body = paragraphs.join('\n\n')
  const team = from.mailboxes.find(({ teamId }) => teamId)!
  await saveDraft(writerOf(from), { draftId }, { to, subject, body, teamId: team.teamId! }, [], when)
  return (await dropMessage(from, team.id, to, { subject, body, draftId, submission: draftId }, when))!.id
}

async function answer(from: Reader, threadId: string, mailboxId: string, when: Date, paragraphs: string[]) {
  const draftId = newId(when)
  const body = paragraphs.join('\n\n')
  await saveDraft(writerOf(from), { draftId, threadId }, { to: '', subject: '', body, teamId: '' }, [], when)
  await replyToThread(from, threadId, mailboxId, { body, draftId, submission: draftId }, when)
}
