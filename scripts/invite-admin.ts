/**
 * npm run invite-admin -- --email ADDRESS [--name NAME]: makes the first administrator and prints (and mails) the link to begin with; run
 * again for the same address, it prints and mails it again.
 */
import { parseArgs } from 'node:util'
import { findAccountByEmail } from '../server/accounts/account.store.ts'
import { readEmailAddress } from '../server/accounts/email-address.ts'
import { inviteAgain, inviteColleague } from '../server/accounts/invite-account.ts'
import { system } from '../server/audit/actor.ts'
import { config } from '../server/config.ts'
import { inTransaction } from '../server/database/connection.ts'
import { prepareJobs } from '../server/jobs/loop.ts'
import { openStores } from '../server/start.ts'
import { linkToken } from '../server/vault/vault.ts'

const say = (line: string) => process.stdout.write(`${line}\n`)
const stops: (() => Promise<void> | void)[] = []

try {
  const { values } = parseArgs({ options: { email: { type: 'string' }, name: { type: 'string' } } })
  const email = readEmailAddress(values.email ?? '')
  if (!email) throw new Error('Say whom to invite: npm run invite-admin -- --email ADDRESS')
  await openStores(say, stops)
  await prepareJobs()
  const known = await findAccountByEmail(email)
  if (known && (known.role !== 'admin' || known.state !== 'invited'))
    throw new Error('This address already has an account. Nothing was changed.')
  const account = await inTransaction((transaction) =>
    known
      ? inviteAgain(system, known, new Date(), transaction)
      : inviteColleague(system, { role: 'admin', email, name: values.name ?? '' }, new Date(), transaction),
  )
  say(known ? `${email} was invited before and has not begun.` : `Invited ${email} as an administrator.`)
  say('A mail with this link goes out as soon as the server runs. You can also open it now:')
  say(`  ${config().baseUrl}/m/${linkToken('invitation', account.id)}`)
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 1
} finally {
  for (const stop of stops.reverse()) await stop()
}
