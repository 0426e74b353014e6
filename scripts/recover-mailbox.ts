/**
 * npm run recover-mailbox -- --email ADDRESS --reason TEXT [--share FILE …]: lets somebody's new sign-in read what is from before it, with the
 * organisation's recovery key. Beside a running server or without one.
 */
import { parseArgs } from 'node:util'
import { prepareJobs } from '../server/jobs/loop.ts'
import { openStores } from '../server/start.ts'
import { recoverMailbox } from '../server/upkeep/recover-mailbox.ts'

const say = (line: string) => process.stdout.write(`${line}\n`)
const stops: (() => Promise<void> | void)[] = []

try {
  const text = { type: 'string' } as const
  const { values } = parseArgs({ options: { email: text, reason: text, share: { ...text, multiple: true } } })
  const { email = '', reason = '', share = [] } = values
  if (!email) throw new Error('Say for whom: npm run recover-mailbox -- --email ADDRESS --reason TEXT --share FILE …')
  await openStores(say, stops)
  await prepareJobs()
  const { versions, teams } = await recoverMailbox({ email, reason, shareFiles: share })
  if (versions > 0) say(`${email} can read the messages from before their new sign-in again.`)
  if (teams > 0) say(`${email} can read the messages of ${teams === 1 ? 'their team' : `${teams} teams`} again.`)
  say('It is in the access log with the reason, and a mail tells them as soon as the server runs.')
  if (share.length > 0) say('Remove the share files from this machine now, and give each back to its keeper.')
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 1
} finally {
  for (const stop of stops.reverse()) await stop()
}
