/** Who took over a conversation from whom: for its pages, and for holds on whoever took part. */
import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'

export interface Handover {
  id: string
  threadId: string
  fromMailboxId: string
  toMailboxId: string
  handedOverBy: string
  handedOverAt: Date
}

const handovers = table<Handover>('thread_handovers', {
  id: 'uuid key',
  threadId: 'uuid',
  fromMailboxId: 'uuid',
  toMailboxId: 'uuid',
  handedOverBy: 'uuid',
  handedOverAt: 'timestamptz',
})

export function insertHandovers(rows: readonly Handover[], transaction: Transaction): Promise<void> {
  return handovers.insertAll(rows, transaction)
}

export async function findLastHandover(threadId: string): Promise<Handover | undefined> {
  const [row] = await ask<Handover>(
    'SELECT * FROM thread_handovers WHERE thread_id = $1 ORDER BY handed_over_at DESC, id DESC LIMIT 1',
    [threadId],
  )
  return row
}

/** Oldest first. */
export function listHandovers(threadId: string): Promise<Handover[]> {
  return ask<Handover>('SELECT * FROM thread_handovers WHERE thread_id = $1 ORDER BY handed_over_at, id', [threadId])
}
