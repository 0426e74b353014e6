/** Sending a draft as a new message, exactly once. */
import { findAccountByEmail } from '../accounts/account.store.ts'
import { readEmailAddress } from '../accounts/email-address.ts'
import type { MailboxKey } from '../accounts/mailbox.store.ts'
import { isTaken } from '../database/connection.ts'
import { NotFound } from '../errors.ts'
import type { FormError } from '../lib/form.ts'
import { isId } from '../lib/ids.ts'
import { openDraft, type Draft } from '../messages/draft.ts'
import { dropMessage, type Dropped } from '../messages/drop-message.ts'
import { findBySubmission } from '../messages/message.store.ts'
import type { Reader } from '../sign-in/reader.ts'
import { messageErrors } from './compose.form.ts'

/** @returns the message's id, also when it was sent before, and its access code; undefined when something has to be put right first */
export async function sendDraftOnce(reader: Reader, draftId: unknown): Promise<Dropped | undefined> {
  if (!isId(draftId)) throw new NotFound('no such draft')
  const draft = await openDraft(reader, { id: draftId })
  // Looked for after the draft, which goes away in the moment in which the message is there.
  const sent = await findBySubmission(reader, draftId)
  if (sent) return { id: sent.id, accessCode: undefined }
  if (!draft) throw new NotFound('no such draft')
  const email = readEmailAddress(draft.to)
  if (!email || (await problemsOf(draft)).length > 0) return undefined
  const { body, accessCode = false } = draft
  const content = { subject: draft.subject.trim(), body, accessCode, draftId, submission: draftId }
  const drop = () => dropMessage(reader, fromMailbox(reader, draft).id, email, content)
  const dropped = await drop().catch((error: unknown) => {
    // Two people wrote to one new address at once, and the other one's invitation came first: now the account is there.
    if (isTaken(error, 'accounts_email_digest_key')) return drop()
    throw error
  })
  if (dropped) return dropped
  const crossed = await findBySubmission(reader, draftId)
  return crossed && { id: crossed.id, accessCode: undefined }
}

/** What keeps a draft from being sent. Messages go to patients; a colleague's address is most likely a slip. */
export async function problemsOf(draft: Draft): Promise<FormError[]> {
  const errors = messageErrors(draft, draft.files.length)
  const email = readEmailAddress(draft.to)
  const known = email && (await findAccountByEmail(email))
  if (known && (known.role !== 'patient' || known.state === 'closed'))
    errors.unshift({ field: 'to', key: 'intake:compose.errors.toStaff' })
  return errors
}

/** The team that was chosen, or the only one; somebody in no team writes from their own mailbox. */
export function fromMailbox(reader: Reader, draft: Draft): MailboxKey {
  const teams = reader.mailboxes.filter(({ teamId }) => teamId)
  return teams.find(({ teamId }) => teamId === draft.teamId) ?? teams[0] ?? reader.own
}
