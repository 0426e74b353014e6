/** What every kind of kill has: a server with folders of its own, a moment that nobody knows beforehand, a word that must stay sealed. */
import { randomBytes, randomInt } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { sweepFor } from '../../support/sweep.ts'
import { startChildServer, type ChildServer } from '../child-server.ts'

export interface KillGround {
  server: ChildServer
  /** Where the server and its scripts keep what is temporary. */
  temporary: string
}

export async function onKillGround(work: (ground: KillGround) => Promise<string>): Promise<string> {
  const temporary = mkdtempSync(join(tmpdir(), 'letterlock-kills-'))
  const server = await startChildServer({ TMPDIR: temporary, LOG_LEVEL: 'error', FILE_MEGABYTES: '20' })
  try {
    return await work({ server, temporary })
  } finally {
    await server.stop()
    rmSync(temporary, { recursive: true, force: true })
  }
}

/** Lets the work go on for a part of the time that it takes, drawn anew each time, and up to a tenth longer. */
export async function aMoment(milliseconds: number): Promise<void> {
  await pause(randomInt(0, Math.ceil(milliseconds * 1.1)))
}

/** Node alone, and every fourth time its PostgreSQL too. */
export async function killIn(round: number, server: ChildServer): Promise<void> {
  await (round % 4 === 3 ? server.killEverything() : server.kill())
}

export function newWord(): string {
  return `canary${randomBytes(9).toString('hex')}`
}

/** @throws Error that says where one of the words stands clear */
export function nothingClear(words: string[], folders: string[]): void {
  const found = sweepFor(Object.fromEntries(words.map((word) => [word, word])), folders)
  if (found.length > 0) throw new Error(`something is clear: ${found.slice(0, 5).join('; ')}`)
}
