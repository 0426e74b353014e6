import { system } from './actor.ts'
import { record } from './record.ts'

const recorded = new Set<string>()

/** Once in a process's life for each row: the same one is met again and again. @param which tells rows apart, and is not written anywhere */
export async function recordChangedRow(which: string, found: string, accountId?: string): Promise<void> {
  if (recorded.has(which)) return
  const subject = accountId ? { subject: { kind: 'account' as const, id: accountId } } : {}
  await record(system, { act: 'envelope.refused', outcome: 'failed', ...subject, reason: 'row-changed', found })
  recorded.add(which)
}
