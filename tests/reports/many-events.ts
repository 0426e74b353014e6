/** Many events of the access log, made by the database itself: years of a clinic in minutes. They have no places in the tree, and most have no details. */
import type { TestServer } from '../support/server.ts'

const YEARS = 6

/**
 * @param patients among whose messages the openings are shared out
 * @returns of one patient: how many events name a message of theirs
 */
export async function makeManyEvents(
  server: TestServer,
  count: number,
  patients: string[],
  actors: string[],
): Promise<void> {
  // Their own triggers would let each wait for its place: that is measured elsewhere.
  await server.sql('ALTER TABLE access_events DISABLE TRIGGER let_wait')
  try {
    for (let made = 0; made < count; made += CHUNK)
      await server.sql(
        `INSERT INTO access_events (id, at, actor_kind, actor_id, actor_role, strength, act, subject_kind, subject_id, outcome, request_id)
         SELECT gen_random_uuid(), now() - (interval '1 second' * ${YEARS * 365 * 86400} * (n::float / $2)), 'account', ($4::uuid[])[1 + n % array_length($4::uuid[], 1)], 'provider',
           'passkey', (ARRAY['message.opened', 'message.opened', 'inbox.listed', 'attachment.downloaded', 'message.dropped'])[1 + n % 5], 'message',
           ($3::uuid[])[1 + (n / 5) % array_length($3::uuid[], 1)], 'done', 'made-' || n
         FROM generate_series($1::bigint, $1::bigint + $5::bigint - 1) n`,
        [made, count, patients, actors, Math.min(CHUNK, count - made)],
      )
  } finally {
    await server.sql('ALTER TABLE access_events ENABLE TRIGGER let_wait')
    await server.sql('ANALYZE access_events')
  }
}

const CHUNK = 250_000
