/** What the ledger says was erased and the database still has is erased again: after an older database came back, or a process was killed between the two. */
import { system } from '../audit/actor.ts'
import type { ErasedWhy } from '../audit/ledger.ts'
import { record } from '../audit/record.ts'
import { inTransaction } from '../database/connection.ts'
import { destroyMessage, HeldByLaw, promised } from './destroy-message.ts'
import { findDoomed, listStillThere } from './message.store.ts'
import { holdThread } from './thread.store.ts'

export interface ErasedLine {
  message: string
  why: ErasedWhy
  at: Date
}

/** @returns how many were erased, and how many a hold from after the line keeps */
export async function eraseAgain(
  lines: readonly ErasedLine[],
  now = new Date(),
): Promise<{ erased: number; held: number }> {
  const there = new Set(await listStillThere(lines.map(({ message }) => message)))
  const done = { erased: 0, held: 0 }
  for (const line of lines.filter(({ message }) => there.has(message))) {
    const outcome = await eraseOne(line, now).catch(async (error: unknown) => {
      if (!(error instanceof HeldByLaw)) throw error
      const subject = { kind: 'message' as const, id: line.message }
      await record(system, { act: 'message.erased', subject, outcome: 'failed', reason: 'held' }, undefined, now)
      return 'held' as const
    })
    if (outcome) done[outcome]++
  }
  return done
}

function eraseOne({ message: id, why, at }: ErasedLine, now: Date): Promise<'erased' | undefined> {
  return inTransaction(async (transaction) => {
    const threadId = (await findDoomed(id, transaction))?.threadId
    if (!threadId) return undefined
    await holdThread(threadId, transaction)
    const message = await findDoomed(id, transaction)
    if (!message) return undefined
    const event = { act: 'message.erased', subject: { kind: 'message', id }, reason: 'from-ledger' } as const
    await record(system, event, transaction, now)
    await destroyMessage(message, { why, line: at }, now, transaction)
    return 'erased'
  })
}

/** Every minute: what this process promised to the ledger and whose transaction may have come to nothing. */
export async function finishErasures(now = new Date()): Promise<void> {
  const lines = [...promised.values()]
  await eraseAgain(lines, now)
  for (const { message } of lines) promised.delete(message)
}
