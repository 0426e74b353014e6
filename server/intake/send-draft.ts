/** Sending a draft as a new message, exactly once. */
import { findAccountByEmail } from '../accounts/account.store.ts'
import { readEmailAddress } from '../accounts/email-address.ts'
import type { MailboxKey } from '../accounts/mailbox.store.ts'
import { isTaken } from '../database/connection.ts'
import { NotFound } from '../errors.ts'
import type { FormError } from '../lib/form.ts'
import { isId } from '../lib/ids.ts'
import { openDraft, type Draft } from '../messages/draft.ts'
import { dropMessage } from '../messages/drop-message.ts'
import { findBySubmission } from '../messages/message.store.ts'
import type { Reader } from '../sign-in/reader.ts'
import { messageErrors } from './compose.form.ts'

/** @returns the message's id, also when it was sent before; undefined when something has to be put right first */
export async function sendDraftOnce(reader: Reader, draftId: unknown): Promise<string | undefined> {
  if (!isId(draftId)) throw new NotFound('no such draft')
  const draft = await openDraft(reader, { id: draftId })
  // Looked for after the draft, which goes away in the moment in which the message is there.
  const sent = await findBySubmission(reader, draftId)
  if (sent) return sent.id
  if (!draft) throw new NotFound('no such draft')
  const email = readEmailAddress(draft.to)
  if (!email || (await problemsOf(draft)).length > 0) return undefined
  const content = { subject: draft.subject.trim(), body: draft.body, draftId, submission: draftId }
  const drop = () => dropMessage(reader, fromMailbox(reader, draft).id, email, content)
  const id = await drop().catch((error: unknown) => {
    // Two people wrote to one new address at once, and the other one's invitation came first: now the account is there.
    if (isTaken(error, 'accounts_email_digest_key')) return drop()
    throw error
  })
  return id ?? (await findBySubmission(reader, draftId))?.id
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
