/** What the access log can say of somebody: their account, and every message and file of the threads in which they take part themselves. */
import { ask } from '../database/connection.ts'

const THEIRS = `SELECT m.id, m.sent_at FROM mailboxes b JOIN thread_mailboxes t ON t.mailbox_id = b.id JOIN messages m ON m.thread_id = t.thread_id
  WHERE b.account_id = $1`

/** Ids; what was erased is among them: of a message its place is still there, of a file two ids are. */
export async function listIdsAbout(accountId: string): Promise<string[]> {
  const rows = await ask<{ id: string }>(
    `WITH theirs AS (${THEIRS}) SELECT $1::uuid AS id UNION ALL SELECT id FROM theirs
     UNION ALL SELECT a.id FROM theirs JOIN attachments a ON a.message_id = theirs.id
     UNION ALL SELECT f.attachment_id FROM theirs JOIN former_attachments f ON f.message_id = theirs.id`,
    [accountId],
  )
  return rows.map(({ id }) => id)
}

/** When the messages of these ids were sent, and those that these files belong to. */
export async function listSentAt(ids: readonly string[]): Promise<Map<string, Date>> {
  const rows = await ask<{ id: string; sentAt: Date }>(
    `SELECT id, sent_at FROM messages WHERE id = ANY($1::uuid[])
     UNION ALL SELECT a.id, m.sent_at FROM attachments a JOIN messages m ON m.id = a.message_id WHERE a.id = ANY($1::uuid[])
     UNION ALL SELECT f.attachment_id, m.sent_at FROM former_attachments f JOIN messages m ON m.id = f.message_id WHERE f.attachment_id = ANY($1::uuid[])`,
    [ids],
  )
  return new Map(rows.map(({ id, sentAt }) => [id, sentAt]))
}
