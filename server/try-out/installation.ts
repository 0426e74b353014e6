/** Whether a database belongs to a try-out or to real use; the two never mix. */
import { config } from '../config.ts'
import { ask } from '../database/connection.ts'

export async function checkInstallation(): Promise<void> {
  const kind = config().tryOut ? 'try-out' : 'production'
  await ask(`INSERT INTO installation (name, value) VALUES ('kind', $1) ON CONFLICT DO NOTHING`, [kind])
  const [row] = await ask<{ value: string }>(`SELECT value FROM installation WHERE name = 'kind'`)
  if (row?.value === kind) return
  throw new Error(
    kind === 'production'
      ? 'This database holds the try-out with its fictitious people and known passwords. Real use needs an empty database: set DATABASE_URL or DATA_DIR to another one.'
      : 'This database is in real use. A try-out would put fictitious people into it. Set NODE_ENV=production, or another DATA_DIR.',
  )
}
