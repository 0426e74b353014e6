/** The program that `stretch-password.ts` starts: runs of argon2id, one after the other. argon2 is imported only here. */
import { existsSync, readdirSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'
import argon2 from 'argon2'
import { closeProcess } from '../lib/closed-process.ts'
import type { Stretch, Stretched } from './stretch-password.ts'

closeProcess()

const LOWER = 10

// On Linux a priority belongs to a thread: those that are here already get it by their ids, later ones from the thread that makes them.
const priority = Math.min(19, getPriority() + LOWER)
const threads = existsSync('/proc/self/task') ? readdirSync('/proc/self/task').map(Number) : [0]
for (const thread of threads) {
  try {
    setPriority(thread, priority)
  } catch {
    // It has ended since.
  }
}

// A Ctrl-C at the keyboard reaches this program too. The server says when its last sign-in has been answered.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
process.on('disconnect', () => process.exit())

process.on('message', ({ password, salt, memory, passes, lanes }: Stretch) => {
  argon2
    .hash(Buffer.from(password), {
      type: argon2.argon2id,
      raw: true,
      hashLength: 64,
      salt: Buffer.from(salt),
      memoryCost: memory,
      timeCost: passes,
      parallelism: lanes,
    })
    // Parameters that argon2 does not take: to the server that is as a crash.
    .then((bytes) => process.send!({ bytes } satisfies Stretched))
    .catch(() => process.exit(1))
})
