/** Which files the rows of a database name, for those who look at another moment or an older schema than now's. */

/** Table → its files, each with the attachment or upload that it belongs to. */
const NAMED: Record<string, string> = {
  attachments: `SELECT id::text AS name, id AS attachment_id FROM attachments
    UNION ALL SELECT thumbnail_id::text, id FROM attachments WHERE thumbnail_id IS NOT NULL`,
  attachment_previews: 'SELECT file_id::text, attachment_id FROM attachment_previews',
  upload_pieces: `SELECT upload_id || '.' || number, upload_id FROM upload_pieces`,
}

/** The question for all of them: `name`, `attachment_id`. @param tables those that are there */
export function namedFiles(tables: readonly string[]): string {
  return Object.entries(NAMED)
    .flatMap(([table, question]) => (tables.includes(table) ? [question] : []))
    .join(' UNION ALL ')
}
