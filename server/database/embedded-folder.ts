/** The embedded server's folder, DATA_DIR/postgres, and the passwords beside it: made at the first start, found at the next. */
import { randomBytes } from 'node:crypto'
import { chmod, chown, lchown, link, mkdir, open, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { DATABASE_USER, insideFolder, run, type RunAs } from './embedded-process.ts'
import { beginBeside, giveUp } from './embedded-unfinished.ts'

export interface Passwords {
  superuser: string
  owner: string
  app: string
  /** Where they are kept. */
  file: string
}

export interface PreparedFolder {
  folder: string
  passwords: Passwords
  /** Who the folder belongs to and PostgreSQL has to run as. */
  user: RunAs
}

/** Makes what is not there yet. Two processes may do so at once: the first to finish wins and the other uses its work. */
export async function prepareFolder(
  dataDir: string,
  programs: string,
  say: (line: string) => void,
): Promise<PreparedFolder> {
  const folder = join(dataDir, 'postgres')
  const file = join(dataDir, 'postgres-passwords.json')
  if (!(await isMade(folder))) {
    say('Setting up PostgreSQL, only this once …')
    await makeFolder(folder, programs, await makePasswords(file))
  }
  return { folder, passwords: await readPasswords(file), user: await ownerOf(folder) }
}

/** Makes DATA_DIR when it is not there, and closes it to everybody else. */
export async function openDataDir(dataDir: string): Promise<void> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    await chmod(dataDir, 0o700)
    await readdir(dataDir)
  } catch (error) {
    const reason = (error as Error).message
    throw new Error(
      `${dataDir} cannot be used (${reason}): set DATA_DIR to a folder that belongs to the user who starts Letterlock.`,
    )
  }
}

async function isMade(folder: string): Promise<boolean> {
  return (await stat(join(folder, 'PG_VERSION')).catch(() => undefined)) !== undefined
}

/** Written beside and linked, so that the file appears whole or not at all, and the first of two processes wins. */
async function makePasswords(file: string): Promise<Passwords> {
  const password = () => randomBytes(32).toString('base64url')
  const content = JSON.stringify({ superuser: password(), owner: password(), app: password() }, null, 2)
  const unfinished = await beginBeside(file)
  await writeFile(join(unfinished, 'passwords'), `${content}\n`, { mode: 0o600, flush: true })
  await link(join(unfinished, 'passwords'), file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
  await giveUp(unfinished)
  return readPasswords(file)
}

async function readPasswords(file: string): Promise<Passwords> {
  try {
    return { ...(JSON.parse(await readFile(file, 'utf8')) as Omit<Passwords, 'file'>), file }
  } catch (error) {
    throw new Error(
      `${file} cannot be read (${(error as Error).message}): put it back, the database beside it opens with nothing else.`,
    )
  }
}

async function makeFolder(folder: string, programs: string, passwords: Passwords): Promise<void> {
  // initdb and --single ask for a user with a name, which DATABASE_USER is not. The user `nobody` has one everywhere; it
  // only makes the folder and never owns it, because other programs run as nobody too.
  const maker = DATABASE_USER && { uid: 65534, gid: 65534 }
  const unfinished = await beginBeside(folder)
  try {
    if (maker) await chown(unfinished, maker.uid, maker.gid)
    await insideFolder(unfinished, maker, async (path, inherit) => {
      const initdb = join(programs, 'bin/initdb')
      await must(run(initdb, ['-D', path, ...INITDB], { as: maker, inherit }))
      const alone = ['--single', '-D', path, ...ALONE, 'template1']
      await must(run(join(programs, 'bin/postgres'), alone, { as: maker, inherit, input: firstStatements(passwords) }))
      await writeFile(join(unfinished, 'pg_hba.conf'), WHO_MAY_CONNECT)
      if (DATABASE_USER) await giveTo(unfinished, DATABASE_USER)
      // Now all at once what --no-sync and fsync=off put off: nothing counts before the rename.
      await must(run(initdb, ['-D', path, '--sync-only'], { inherit }))
    })
    await rename(unfinished, folder)
    const parent = await open(dirname(folder), 'r')
    await parent.sync().finally(() => parent.close())
  } catch (error) {
    await giveUp(unfinished)
    if (await isMade(folder)) return
    throw new Error(
      `PostgreSQL could not be set up (${(error as Error).message}): ` +
        'remove the cause and start again, or set DATABASE_URL to a PostgreSQL of your own.',
    )
  }
}

const INITDB = [
  '--username=postgres',
  '--auth=reject', // replaced by WHO_MAY_CONNECT before the server first listens
  '--encoding=UTF8',
  '--locale=C',
  '--locale-provider=builtin', // sorts the same on every machine and after every system upgrade
  '--builtin-locale=C.UTF-8',
  '--data-checksums',
  '--no-instructions',
  '--no-sync',
]

const ALONE = ['fsync=off', 'exit_on_error=on', 'log_min_messages=fatal'].flatMap((setting) => ['-c', setting])

const WHO_MAY_CONNECT = `# Written by Letterlock: only from this machine, only with a password.
host all all 127.0.0.1/32 scram-sha-256
`

/** One statement a line, told to a PostgreSQL that listens nowhere, so that no password is in an argument or in a log. */
function firstStatements(passwords: Passwords): string {
  return [
    `ALTER ROLE postgres PASSWORD '${passwords.superuser}'`,
    `CREATE ROLE letterlock_app LOGIN PASSWORD '${passwords.app}'`,
    `CREATE ROLE letterlock_owner LOGIN PASSWORD '${passwords.owner}'`,
    // The owner makes the schema that is to belong to the application.
    'GRANT letterlock_app TO letterlock_owner',
    // In the template, so that it holds in every database made from it.
    'REVOKE ALL ON SCHEMA public FROM PUBLIC',
    'CREATE DATABASE letterlock OWNER letterlock_owner',
    ...['letterlock', 'postgres', 'template1'].map((name) => `REVOKE ALL ON DATABASE ${name} FROM PUBLIC`),
    'GRANT CONNECT ON DATABASE letterlock TO letterlock_app',
    '',
  ].join('\n')
}

async function must(running: Promise<{ done: boolean; output: string }>): Promise<void> {
  const { done, output } = await running
  if (!done)
    throw new Error(output.split('\n').filter((line) => /error|fatal|could not/i.test(line))[0] ?? output.slice(-300))
}

/** A folder brought back from a backup by root belongs to root, with which PostgreSQL would not start. */
async function ownerOf(folder: string): Promise<RunAs> {
  if (!DATABASE_USER) return undefined
  const { uid, gid } = await stat(folder)
  if (uid !== 0) return { uid, gid }
  await giveTo(folder, DATABASE_USER)
  return DATABASE_USER
}

/** The folder itself last: while it is not theirs, this was not finished. */
async function giveTo(path: string, user: { uid: number; gid: number }): Promise<void> {
  const inside = await readdir(path, { withFileTypes: true })
  await Promise.all(
    inside.map((entry) => {
      const entryPath = join(path, entry.name)
      return entry.isDirectory() ? giveTo(entryPath, user) : lchown(entryPath, user.uid, user.gid)
    }),
  )
  await lchown(path, user.uid, user.gid)
}
