/**
 * Tells a person on every channel we have that something about their sign-in changed: what, when, and what to do if it was not them. One notice
 * of one change, and at most ten a day: the tenth says that there were many, and what follows it is in the log only. Of what can be caused again
 * and again there are three a day, and the first of each kind always goes, so that noise never takes the place of a change.
 */
import { findAccount } from '../accounts/account.store.ts'
import { system } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import type { JobPayloads, SecurityChange } from '../jobs/names.ts'
import { inWords } from '../lib/dates.ts'
import { newId } from '../lib/ids.ts'
import { countSecurityLinks, insertSecurityLink } from '../sign-in/security-link.store.ts'
import { mailOrRecord } from './mail-or-record.ts'
import { noticeView } from './notice.view.ts'

const DAY = 24 * 60 * 60 * 1000
const MOST_A_DAY = 10
const MOST_OF_KIND: Partial<Record<SecurityChange, number>> = {
  'new-device': 3,
  'many-wrong-tries': 3,
  'recovery-codes-made': 3,
  'earlier-messages-shared': 3,
}
const GUESSES = new Set<string>(['many-wrong-tries', 'many-wrong-codes'])

export async function sendSecurityNotice(
  { accountId, change, at }: JobPayloads['send-security-notice'],
  now = new Date(),
): Promise<void> {
  const account = await findAccount(accountId)
  if (!account || account.state === 'closed') return
  const subject = { kind: 'account' as const, id: accountId }
  const happenedAt = new Date(at)
  await mailOrRecord(
    async (transaction) => {
      const since = new Date(now.getTime() - DAY)
      const {
        told: already,
        lately,
        ofKind,
      } = await countSecurityLinks({ accountId, change, happenedAt }, since, transaction)
      if (already) return undefined
      if (ofKind > 0 && (lately >= MOST_A_DAY || ofKind >= (MOST_OF_KIND[change] ?? MOST_A_DAY))) {
        const event = { act: 'security-notice.failed', subject, outcome: 'failed', reason: 'too-many-today' } as const
        await record(system, event, transaction, now)
        return undefined
      }
      const expiresAt = new Date(now.getTime() + 30 * DAY)
      const link = { id: newId(now), accountId, change, happenedAt, madeAt: now, expiresAt }
      const token = await insertSecurityLink(link, transaction)
      await record(system, { act: 'security-notice.sent', subject, reason: change }, transaction, now)
      const told = ofKind > 0 && lately === MOST_A_DAY - 1 ? 'several' : change
      // Nobody got in, so nobody has to go out: what helps against guesses is another password.
      const path = GUESSES.has(told) ? '/account/password' : `/not-me/${token}`
      const view = { ...noticeView(path), change: told, at: inWords(happenedAt, now).text }
      return { to: account.email, template: 'security-notice', view }
    },
    (reason, transaction) =>
      record(system, { act: 'security-notice.failed', subject, outcome: 'failed', reason }, transaction, now),
    now,
  )
}
