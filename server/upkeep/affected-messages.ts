/** Which messages lack something after a backup with damage was loaded: ids and times, and nothing of what they say. */
import type { Client } from '../database/copy.ts'
import { fileStore } from '../attachments/file-store.ts'
import { namedFiles } from '../attachments/named-files.ts'
import type { Loaded } from './load-backup.ts'
import { quoted, type ForeignKey } from './restore-rows.ts'
import type { TableOfSnapshot } from './snapshot.ts'

export interface AffectedMessage {
  id: string
  threadId: string
  sentAt: Date
  /** `row`: the message itself is gone; `key`: some or all of those it is for cannot open it; `file`: a file or its small picture is gone. */
  lacks: 'row' | 'key' | 'file'
}

/** Puts what is left of damaged tables together again, and says which messages are not what they were. Oldest first. */
export async function findAffected(
  owner: Client,
  loaded: Loaded,
  keys: readonly ForeignKey[],
  tables: readonly TableOfSnapshot[],
): Promise<AffectedMessage[]> {
  const named = namedFiles(tables.map(({ name }) => name))
  if (loaded.damagedTables.length > 0) {
    await removeDangling(owner, keys)
    await mendThreads(owner)
  }
  return [
    ...(await withoutRows(owner)),
    ...(await withoutFiles(owner, named, await lostFiles(owner, named, loaded))),
  ].sort((a, b) => a.sentAt.getTime() - b.sentAt.getTime())
}

/** Files that a row names and nobody took back while the backup was made. */
async function lostFiles(owner: Client, named: string, { contents, damagedFiles, gaps }: Loaded): Promise<string[]> {
  const lost = new Set([...damagedFiles, ...(contents?.missing ?? [])])
  if (gaps > 0 || !contents) {
    const swept = new Set(contents?.swept)
    const { rows } = await owner.query<{ name: string }>(named)
    for (const { name } of rows) if (!swept.has(name) && (await fileStore().size(name)) === undefined) lost.add(name)
  }
  return [...lost]
}

async function withoutFiles(owner: Client, named: string, names: string[]): Promise<AffectedMessage[]> {
  const { rows } = await owner.query<AffectedMessage>(
    `SELECT DISTINCT m.id, m.thread_id AS "threadId", m.sent_at AS "sentAt", 'file' AS lacks
     FROM (${named}) n JOIN attachments a ON a.id = n.attachment_id JOIN messages m ON m.id = a.message_id WHERE n.name = ANY($1)`,
    [names],
  )
  return rows
}

/** Against the register that the backup keeps of every message, which stands in another place than the rows that it speaks of. */
async function withoutRows(owner: Client): Promise<AffectedMessage[]> {
  const { rows } = await owner.query<AffectedMessage>(
    `SELECT r.id, r.thread_id AS "threadId", r.sent_at AS "sentAt", CASE
       WHEN m.id IS NULL OR r.recipients > (SELECT count(*) FROM message_recipients p WHERE p.message_id = r.id) THEN 'row'
       WHEN r.files > (SELECT count(*) FROM attachments a WHERE a.message_id = r.id) THEN 'file'
       ELSE 'key' END AS lacks
     FROM registered_messages r LEFT JOIN messages m ON m.id = r.id
     WHERE m.id IS NULL OR r.recipients > (SELECT count(*) FROM message_recipients p WHERE p.message_id = r.id)
       OR r.files > (SELECT count(*) FROM attachments a WHERE a.message_id = r.id)
       OR r.wraps > (SELECT count(*) FROM thread_key_wraps w WHERE w.thread_key_id = m.thread_key_id)
       OR (r.has_key AND NOT EXISTS (SELECT FROM thread_key_wraps w WHERE w.thread_key_id = m.thread_key_id))`,
  )
  return rows
}

/** Rows that speak of a row which is gone: what may be empty becomes so, the others go too, until nothing speaks of what is not there. */
async function removeDangling(owner: Client, keys: readonly ForeignKey[]): Promise<void> {
  for (let changed = true; changed;) {
    changed = false
    for (const key of keys) if ((await removeDanglingBy(owner, key)) > 0) changed = true
  }
}

async function removeDanglingBy(owner: Client, key: ForeignKey): Promise<number> {
  const mine = key.columns.map((column) => `c.${quoted(owner, column)}`)
  const pairs = key.parentColumns.map((column, index) => `p.${quoted(owner, column)} = ${mine[index]}`)
  const where = `${mine.map((column) => `${column} IS NOT NULL`).join(' AND ')} AND NOT EXISTS (SELECT FROM ${key.parent} p WHERE ${pairs.join(' AND ')})`
  // A mailbox of nobody would be the system's own.
  if (!key.optional || key.table === 'mailboxes')
    return (await owner.query(`DELETE FROM ${key.table} c WHERE ${where}`)).rowCount ?? 0
  const empty = key.columns.map((column) => `${quoted(owner, column)} = NULL`).join(', ')
  await owner.query('SAVEPOINT dangling')
  try {
    return (await owner.query(`UPDATE ${key.table} c SET ${empty} WHERE ${where}`)).rowCount ?? 0
  } catch (error) {
    if ((error as { code?: string }).code !== CHECK_VIOLATION) throw error
    await owner.query('ROLLBACK TO SAVEPOINT dangling')
    return (await owner.query(`DELETE FROM ${key.table} c WHERE ${where}`)).rowCount ?? 0
  }
}

const CHECK_VIOLATION = '23514'

/** A thread whose newest message is gone shows the one before it, and counts as unread what is left. */
async function mendThreads(owner: Client): Promise<void> {
  await owner.query(
    `DELETE FROM thread_mailboxes t WHERE NOT EXISTS (SELECT FROM messages m WHERE m.thread_id = t.thread_id)`,
  )
  await owner.query(
    `UPDATE thread_mailboxes t SET last_message_id = n.id, last_message_at = n.sent_at, last_from_mailbox_id = n.from_mailbox_id
     FROM (SELECT DISTINCT ON (thread_id) * FROM messages ORDER BY thread_id, recalled_at IS NOT NULL, sent_at DESC, id DESC) n
     WHERE n.thread_id = t.thread_id AND NOT EXISTS (SELECT FROM messages m WHERE m.id = t.last_message_id)`,
  )
  await owner.query(
    `UPDATE thread_mailboxes t SET unread_count = (SELECT count(*) FROM messages m JOIN message_recipients r ON r.message_id = m.id AND r.mailbox_id = t.mailbox_id
       WHERE m.thread_id = t.thread_id AND m.recalled_at IS NULL AND r.opened_at IS NULL)
     WHERE t.thread_id IN (SELECT thread_id FROM registered_messages r WHERE NOT EXISTS (SELECT FROM messages m WHERE m.id = r.id))`,
  )
}
