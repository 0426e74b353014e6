/**
 * The one way of every change of who may do what at work. Changes come one after another, and each asks again whether its administrator still is
 * one: so the last one stays, whoever tries to shut whom out at the same moment.
 */
import {
  changeAccount,
  findAccount,
  holdAccess,
  listActiveAdministrators,
  type Account,
} from '../accounts/account.store.ts'
import type { Act } from '../audit/acts.ts'
import type { Actor } from '../audit/actor.ts'
import type { Reason } from '../audit/reasons.ts'
import { record, recordDenied } from '../audit/record.ts'
import { inTransaction, type Transaction } from '../database/connection.ts'
import { NotFound } from '../errors.ts'
import { enqueue } from '../jobs/enqueue.ts'
import { newId } from '../lib/ids.ts'
import { endSessionsOf } from '../sign-in/sessions.ts'
import { insertAccessChange, type AccessChangeKind } from './access-change.store.ts'

/**
 * Why nothing was changed: it is their own access, it is the last administrator's, the person is something else by now, or they have conversations
 * that somebody else has to take over first.
 */
export type NotChanged = Extract<Reason, 'own-access' | 'last-administrator' | 'other-state' | 'own-conversations'>

type Standing = Pick<Account, 'role' | 'state'>

export interface WantedChange {
  kind: AccessChangeKind
  /** What they become, from what they are when nobody else can change it any more; nothing when it does not fit. */
  becomes(person: Account): Standing | undefined
  /** What else stands against it. */
  not?(person: Account, transaction: Transaction): Promise<NotChanged | undefined>
  /** What goes with it: all in the same transaction, before the person is changed. */
  also?(person: Account, transaction: Transaction): Promise<void>
  reason: string
}

const ACTS = {
  suspended: 'account.suspended',
  reopened: 'account.reopened',
  closed: 'account.closed',
  'role-changed': 'account.role-changed',
} as const satisfies Record<AccessChangeKind, Act>

/** @returns undefined when it was done @throws NotFound for patients, for nobody, and for who is no administrator any more */
export async function changeAccess(
  actor: Actor,
  accountId: string,
  wanted: WantedChange,
  now: Date,
): Promise<NotChanged | undefined> {
  const refused = await inTransaction((transaction) => change(actor, accountId, wanted, now, transaction))
  if (refused) await recordDenied(actor, 'account.access-refused', { kind: 'account', id: accountId }, refused)
  return refused
}

async function change(
  actor: Actor,
  accountId: string,
  { kind, becomes, not, also, reason }: WantedChange,
  now: Date,
  transaction: Transaction,
): Promise<NotChanged | undefined> {
  await holdAccess(transaction)
  const person = await findAccount(accountId, transaction)
  if (!person || person.role === 'patient') throw new NotFound('no colleague')
  const next = becomes(person)
  if (!next) return 'other-state'
  if (person.id === actor.id) return 'own-access'
  const administrators = await listActiveAdministrators(transaction)
  if (!administrators.includes(actor.id ?? '')) throw new NotFound('no administrator any more')
  if (!isAdministrator(next) && administrators.every((id) => id === person.id)) return 'last-administrator'
  const problem = await not?.(person, transaction)
  if (problem) return problem
  const [was, became] = person.role === next.role ? [person.state, next.state] : [person.role, next.role]
  const subject = { kind: 'account' as const, id: person.id }
  const event = { act: ACTS[kind], subject, said: reason, before: was, after: became }
  await record(actor, event, transaction, now)
  await also?.(person, transaction)
  if (!(await changeAccount(person.id, person, next, transaction))) throw new NotFound('changed meanwhile')
  await endSessionsOf(person.id, transaction)
  const row = { id: newId(now), accountId, kind, was, became, reason, changedBy: actor.id!, changedAt: now }
  await insertAccessChange(row, transaction)
  await enqueue('send-access-notice', { changeId: row.id }, transaction)
  return undefined
}

function isAdministrator({ role, state }: Standing) {
  return role === 'admin' && state === 'active'
}
