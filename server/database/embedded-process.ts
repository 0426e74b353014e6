/**
 * Running PostgreSQL's programs as the right user, in folders which that user alone could not reach, and asking what a
 * running process is.
 */
import { execFileSync, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'

/** PostgreSQL refuses to run as root, so root names somebody else; everybody else runs it as they are. */
export type RunAs = { uid: number; gid: number } | undefined

/** Belongs to nobody on a usual system (systemd's list of user numbers leaves 60578 to 61183 unused). */
export const DATABASE_USER: RunAs = process.getuid?.() === 0 ? { uid: 61018, gid: 61018 } : undefined

/** Runs one program to its end. Never rejects: a program that could not even be started has not done its work either. */
export function run(
  program: string,
  args: string[],
  { as = DATABASE_USER, input = '', inherit = [] }: { as?: RunAs; input?: string; inherit?: number[] } = {},
): Promise<{ done: boolean; output: string }> {
  return new Promise((settle) => {
    const failed = (error: unknown) => settle({ done: false, output: (error as Error).message })
    try {
      const child = spawn(program, args, { ...startedAs(as), stdio: ['pipe', 'pipe', 'pipe', ...inherit] })
      let output = ''
      for (const stream of [child.stdout, child.stderr])
        stream?.setEncoding('utf8').on('data', (piece: string) => (output += piece))
      child.on('error', failed)
      child.on('close', (code) => settle({ done: code === 0, output: output.trim() }))
      child.stdin?.on('error', () => {}).end(input)
    } catch (error) {
      // Some refusals (of the user, for one) are thrown, others are events.
      failed(error)
    }
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

/** A process's arguments; nothing when there is no such process, or only what is left of one that ended. */
export function commandOf(pid: number): string[] | undefined {
  try {
    if (process.platform !== 'linux')
      return execFileSync('ps', ['-ww', '-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).split(/\s+/)
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    return command === '' ? undefined : command.split('\0')
  } catch {
    return undefined
  }
}
