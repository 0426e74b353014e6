/**
 * npm run restore -- FILE [--without-damaged]: a backup into the DATA_DIR or DATABASE_URL of the settings, which has to be empty, with the master
 * key at hand. With --without-damaged also one that is not whole, less the messages that it names.
 */
import { parseArgs } from 'node:util'
import { openEmptyPlace, takeMasterKey } from '../server/start.ts'
import type { AffectedMessage } from '../server/upkeep/affected-messages.ts'
import { catchUpWithLedger, sayCaughtUp } from '../server/upkeep/catch-up-with-ledger.ts'
import type { Loaded, Loading } from '../server/upkeep/load-backup.ts'
import { openBackup } from '../server/upkeep/read-backup.ts'
import { DamagedBackup, restoreBackup } from '../server/upkeep/restore-backup.ts'

const say = (line: string) => process.stdout.write(`${line}\n`)
const stops: (() => Promise<void> | void)[] = []

try {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { 'without-damaged': { type: 'boolean', default: false } },
  })
  const [file, ...more] = positionals
  if (!file || more.length > 0) throw new Error('Say which backup: npm run restore -- FILE')
  const keys = await takeMasterKey()
  // Before anything is made: what cannot be restored leaves nothing behind.
  const opened = await openBackup(file)
  const place = await openEmptyPlace(keys, say, stops)
  const { backup, loaded, affected, rotationsEnded } = await restoreBackup(
    opened,
    place,
    values['without-damaged'],
    everyTenSeconds(),
  )
  const rows = [...loaded.rows.values()].reduce((sum, each) => sum + each, 0)
  say(`Restored ${rows} rows and ${loaded.files} files as of ${backup.madeAt}.`)
  sayDamage(loaded, affected)
  const swept = loaded.contents?.swept.length ?? 0
  if (swept > 0) say(`${swept} files of messages that were taken back while the backup was made are not in it.`)
  say(
    'Everybody has to sign in again. What was under way then is ended: links for a new password, helped sign-ins, changes of address, access codes.',
  )
  say(
    'Recovery codes of then sign nobody in; people make new ones on their account page. The old ones still open old mail.',
  )
  if (rotationsEnded > 0)
    say(
      'A change of the master key was under way when the backup was made. It is ended here; where this takes the place of the installation, ask for it again: npm run rotate-master-key',
    )
  // Every start does so too: whoever is cut off here has lost nothing.
  sayCaughtUp(await catchUpWithLedger(), say)
} catch (error) {
  const { message } = error as Error
  process.stderr.write(`${message}\n`)
  if (error instanceof DamagedBackup) {
    sayDamage(error.loaded, error.affected)
    say('To restore everything else: npm run restore -- FILE --without-damaged')
  }
  process.exitCode = 1
} finally {
  for (const stop of stops.reverse()) await stop()
}

function sayDamage({ contents, damagedTables, damagedFiles, gaps }: Loaded, affected: readonly AffectedMessage[]) {
  if (!contents) say('The backup was cut: its end is missing.')
  if (gaps > 0) say(`Places in it that do not open: ${gaps}.`)
  if (damagedTables.length > 0) say(`Tables that are not whole: ${damagedTables.join(', ')}.`)
  if (damagedFiles.length > 0) say(`Files that are not whole, and are left out: ${damagedFiles.join(', ')}.`)
  if (affected.length === 0) return
  say(`Messages that are not what they were: ${affected.length}.`)
  const what = { row: 'is gone', key: 'cannot be opened by everybody', file: 'lacks a file' }
  for (const { id, threadId, sentAt, lacks } of affected)
    say(`  message ${id} of ${sentAt.toISOString()} in thread ${threadId} ${what[lacks]}`)
}

function everyTenSeconds(): (loading: Loading) => void {
  let last = Date.now()
  return ({ rows, files }) => {
    if (Date.now() - last < 10_000) return
    last = Date.now()
    say(`… ${rows} rows, ${files} files`)
  }
}
