/** What was found each time when the access log was held against what was signed. */
import { ask } from '../database/connection.ts'
import { table } from '../database/table.ts'

export interface LogCheck {
  id: string
  checkedAt: Date
  /** The whole log, or what was new. */
  everything: boolean
  /** Every event before this one is what was signed. */
  checkedTo: number
  /** The checkpoint that it was held against. */
  epoch: number
  size: number
  /** The first bad event, where one can be named. */
  badLeaf: number | null
  /** What is wrong with it; nothing when all is as signed. */
  found: string | null
}

type Row = Omit<LogCheck, 'checkedTo' | 'size' | 'badLeaf'> & {
  checkedTo: string
  size: string
  badLeaf: string | null
}

const checks = table<Row>('log_checks', {
  id: 'uuid key',
  checkedAt: 'timestamptz',
  everything: 'boolean',
  checkedTo: 'bigint',
  epoch: 'integer',
  size: 'bigint',
  badLeaf: 'bigint',
  found: 'text',
})

export async function insertCheck({ checkedTo, size, badLeaf, ...check }: LogCheck): Promise<void> {
  await checks.insert({
    ...check,
    checkedTo: String(checkedTo),
    size: String(size),
    badLeaf: badLeaf === null ? null : String(badLeaf),
  })
}

export async function findLastCheck(): Promise<LogCheck | undefined> {
  const [row] = await ask<Row>('SELECT * FROM log_checks ORDER BY checked_at DESC, id DESC LIMIT 1')
  if (!row) return undefined
  const { checkedTo, size, badLeaf, ...check } = row
  return {
    ...check,
    checkedTo: Number(checkedTo),
    size: Number(size),
    badLeaf: badLeaf === null ? null : Number(badLeaf),
  }
}
