/**
 * A drill: a backup is restored into a place of its own that nothing else uses, and everything that can be looked at is looked at. What comes of it is a
 * report that is signed, whether it went well or not.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { config } from '../config.ts'
import { signNote, verifierKey } from '../vault/log-key.ts'
import { recoveryMode } from '../vault/vault.ts'
import { checkRestored, type Check } from './check-restored.ts'
import type { Manifest } from './backup-form.ts'
import type { OpenedBackup } from './read-backup.ts'
import { restoreBackup, type RestorePlace } from './restore-backup.ts'
import { drawMessages, tryMessage } from './sample-messages.ts'

/** How many real messages are tried, and how their trial gets into the installation's log. */
export interface Sample {
  count: number
  /** @returns false when the installation cannot be reached @throws when it can be and did not record it; then nothing is opened */
  record(ids: readonly string[]): Promise<boolean>
}

export interface Drilled {
  good: boolean
  /** A signed note; the log key is in the backup itself. */
  report: string
  /** By which others check it. */
  verifier: string
}

/** @param opened the backup that lies at `path` @throws Error with a sentence when it could not even be begun with */
export async function drillRestore(
  path: string,
  opened: OpenedBackup,
  place: RestorePlace,
  sample: Sample,
  tell: (line: string) => void,
  now = new Date(),
): Promise<Drilled> {
  const started = performance.now()
  const sha256 = await digestOfFile(path)
  const { backup, loaded, affected } = await restoreBackup(opened, place, true, () => {}, now)
  tell(`Restored in ${seconds(started)}. Looking at it …`)
  const checks = await checkRestored(loaded)
  for (const { id, threadId, sentAt, lacks } of affected)
    checks.push({
      what: 'a message that is not what it was',
      found: `${id} of ${sentAt.toISOString()} in thread ${threadId}, ${lacks}`,
      good: false,
    })
  checks.push(await checkSample(sample))
  const good = checks.every((check) => check.good)
  const report = write({ sha256, backup, checks, good, took: seconds(started), now })
  const name = `${new URL(config().baseUrl).host}/restore-drill`
  return { good, report: signNote(name, report), verifier: verifierKey(name) }
}

async function checkSample({ count, record }: Sample): Promise<Check> {
  const what = 'messages drawn by chance, opened by the recovery key and shown to nobody'
  if ((await recoveryMode()) === 'sealed')
    return { what, found: 'none: the recovery key is sealed, and nobody here can open them', good: true }
  const ids = await drawMessages(count)
  const recorded = await record(ids)
  const closed: string[] = []
  for (const id of ids) {
    const why = await tryMessage(id)
    if (why) closed.push(`${id} does not open (${why})`)
  }
  const where = recorded ? 'each is in the access log' : 'the installation was not reached, so its log does not know'
  return closed.length > 0
    ? { what, found: closed.join('; '), good: false }
    : { what, found: `${ids.length} opened; ${where}`, good: true }
}

async function digestOfFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1048576 })) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

interface Outcome {
  sha256: string
  backup: Manifest
  checks: Check[]
  good: boolean
  took: string
  now: Date
}

/** Lines that people can read; its last says how it ended. */
function write({ sha256, backup, checks, good, took, now }: Outcome): string {
  return [
    'Letterlock: restore drill',
    `at ${now.toISOString()}`,
    `backup ${backup.id} of ${backup.madeAt}`,
    `sha256 of the file ${sha256}`,
    `made by Letterlock ${backup.letterlock}, schema ${backup.migrations.toSorted().at(-1)}`,
    ...checks.map(({ what, found, good: fine }) => `${fine ? 'good' : 'WRONG'}: ${what}: ${found}`),
    `took ${took}`,
    good ? 'The backup can be restored.' : 'The backup has damage.',
    '',
  ].join('\n')
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`
}
