/** Makes an account that waits for its person: its mailbox can be sealed to at once. */
import type { Actor } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import type { Transaction } from '../database/connection.ts'
import { enqueue } from '../jobs/enqueue.ts'
import { newId } from '../lib/ids.ts'
import { insertAccount, type Account, type Role } from './account.store.ts'
import { insertInvitationLink } from './link.store.ts'
import { makeMailbox } from './mailbox-key.ts'
import type { MailboxKey } from './mailbox.store.ts'

export interface Invitation {
  role: Role
  /** As `readEmailAddress` returns it. */
  email: string
  name: string
}

/** Invites a patient, who will be told by the notice of their first message. */
export async function invitePatient(
  actor: Actor,
  email: string,
  now: Date,
  transaction: Transaction,
  name = '',
): Promise<{ account: Account; mailbox: MailboxKey }> {
  return invite(actor, { role: 'patient', email, name }, now, transaction)
}

/** Invites a colleague, who is told by a mail of its own. */
export async function inviteColleague(
  actor: Actor,
  invitation: Invitation,
  now: Date,
  transaction: Transaction,
): Promise<Account> {
  const { account } = await invite(actor, invitation, now, transaction)
  await insertInvitationLink(account.id, now, transaction)
  await enqueue('send-invitation', { accountId: account.id }, transaction)
  return account
}

/** Sends the mail of an invitation again; it leads by the same link. */
export async function inviteAgain(
  actor: Actor,
  account: Account,
  now: Date,
  transaction: Transaction,
): Promise<Account> {
  await recordInvited(actor, account, now, transaction)
  await enqueue('send-invitation', { accountId: account.id }, transaction)
  return account
}

async function invite(actor: Actor, invitation: Invitation, now: Date, transaction: Transaction) {
  const account = await insertAccount({ id: newId(now), ...invitation, invitedAt: now }, transaction)
  const mailbox = await makeMailbox({ accountId: account.id }, now, transaction)
  await recordInvited(actor, account, now, transaction)
  return { account, mailbox }
}

/** With what they may do when they come. */
function recordInvited(actor: Actor, { id, role }: Account, now: Date, transaction: Transaction) {
  return record(actor, { act: 'account.invited', subject: { kind: 'account', id }, after: role }, transaction, now)
}
