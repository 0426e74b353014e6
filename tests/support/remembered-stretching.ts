/**
 * A run of argon2id takes a good part of a second of a core, and the tests sign the same people in hundreds of times. So what argon2id once gave
 * for one password, one salt and one set of parameters is remembered for the rest of a run of the tests, beside the template: the same bytes,
 * only sooner. The product knows nothing of it. A test of what a sign-in costs calls `stretchForReal` before it starts its server.
 * Node is told to `--import` this file where a second process is to remember too.
 */
import processes, { type ForkOptions } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const rememberedStretchingFile = fileURLToPath(import.meta.url)

let real = false
let remembers = false

export function stretchForReal() {
  real = true
}

/** @param dataDir a copy of the template */
export function rememberStretching(dataDir: string) {
  if (real || remembers) return
  remembers = true
  const memory = join(dataDir, '../../stretched')
  mkdirSync(memory, { recursive: true })
  const { fork } = processes
  processes.fork = ((program: string, options: ForkOptions) =>
    program.endsWith('stretch-password-process.js')
      ? fork(PROGRAM, [program, memory], options)
      : fork(program, options)) as typeof fork
  syncBuiltinESMExports()
}

const PROGRAM = fileURLToPath(new URL('./remembering-process.js', import.meta.url))

if (process.argv[1]?.endsWith('/server/main.js')) rememberStretching(process.env['DATA_DIR']!)
