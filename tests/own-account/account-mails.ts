/** What the tests of the account's pages share: the mails about it, the pages that they lead to, and people who have just proved who they are. */
import { mailsTo, type CapturedMail } from '../support/letters.ts'
import type { TestServer } from '../support/server.ts'
import { changeSessions } from '../sign-in/session-rows.ts'
import { until } from '../support/until.ts'

/** The path in a mail's one link. */
export function pathIn({ text }: Pick<CapturedMail, 'text'>): string {
  return /https?:\/\/[^/\s]+(\/\S+)/.exec(text)![1]!
}

/** Waits for the newest mail to an address whose subject begins so. */
export async function mailAbout(
  server: TestServer,
  address: string,
  subject: string,
  count = 1,
): Promise<CapturedMail> {
  return until(async () => {
    const mails = (await mailsTo(server, address)).filter((mail) => mail.subject.startsWith(`[Demo] ${subject}`))
    return mails.length >= count && mails[0]!
  }, `${count} mails "${subject}" to ${address}`)
}

/** Waits for a notice of a change that says so. */
export async function noticeSaying(server: TestServer, address: string, words: RegExp): Promise<CapturedMail> {
  return until(
    async () => (await mailsTo(server, address, 0)).find(({ text }) => words.test(text)),
    `a notice to ${address} that says ${words.source}`,
  )
}

/** Waits until no job is left, so that a mail that did not come is one that does not come. */
export async function jobsDone(server: TestServer): Promise<void> {
  await until(async () => {
    const [row] = await server.sql<{ waiting: number }>(
      `SELECT count(*)::int AS waiting FROM graphile_worker.jobs WHERE task_identifier LIKE 'send-%' AND run_at <= now()`,
    )
    return row!.waiting === 0
  }, 'no job is left')
}

export async function idOf(email: string): Promise<string> {
  const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
  return (await findAccountByEmail(email))!.id
}

/** Behind the product's back: a proof that is older than five minutes. */
export async function letProofsLapse(server: TestServer, accountId: string): Promise<void> {
  await changeSessions(server, { provedAt: 1 }, ({ sess }) => sess['accountId'] === accountId)
}

/** What the log says of an act about an account. */
export async function eventsOf(server: TestServer, act: string, accountId: string): Promise<{ outcome: string }[]> {
  return server.sql(`SELECT outcome FROM access_events WHERE act = $1 AND subject_id = $2 ORDER BY at`, [
    act,
    accountId,
  ])
}
