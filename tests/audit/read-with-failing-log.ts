/**
 * Reads of everything private while the access log fails at random: its insert is refused, its connection is cut, its transaction fails as it ends. No
 * private byte may leave without its event. Used by the test and by `npm run failing-log`.
 */
import assert from 'node:assert/strict'
import type { Seeded } from '../support/seeded.ts'
import { makePng } from '../support/files.ts'
import { everybodyIn, textFile, writeTo } from '../support/letters.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import type { Answer, Visitor } from '../support/visitor.ts'

export interface Reads {
  /** Answers that revealed something, each with its event. */
  shown: number
  /** Answers that revealed nothing, because the log could not be written. */
  refused: number
  failures: Record<string, number>
}

interface Read {
  visitor: Visitor
  path: string
  /** What shows that something private left. */
  isPrivate(answer: Answer): boolean
}

/** What stands in messages and files, and nowhere else. */
const SECRET = 'peregrine-falcon-7391'
const AT_ONCE = 4

/** @throws AssertionError as soon as something left without its event */
export async function readWithFailingLog(
  count: number,
  random: Seeded,
  tell: (read: number) => void = () => {},
): Promise<Reads> {
  const server = await startTestServer()
  try {
    const reads = await readsOf(server)
    await breakLog(server)
    const seen = { shown: 0, refused: 0 }
    let left = count
    const readOn = async () => {
      while (left-- > 0) {
        const read = random.pick(reads)
        const answer = await read.visitor.ask(read.path)
        if (await hasItsEvent(server, read, answer)) seen.shown++
        else seen.refused++
        if ((seen.shown + seen.refused) % 500 === 0) tell(seen.shown + seen.refused)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, readOn))
    const failures = await server.sql<{ kind: string; times: number }>('SELECT kind, times FROM injected.failures')
    return { ...seen, failures: Object.fromEntries(failures.map(({ kind, times }) => [kind, Number(times)])) }
  } finally {
    await server.stop()
  }
}

/** @returns whether something private left, whose event is there; false when nothing did @throws AssertionError */
async function hasItsEvent(server: TestServer, { path, isPrivate }: Read, answer: Answer): Promise<boolean> {
  const what = `${path}: ${answer.status}`
  if (!isPrivate(answer)) {
    assert.ok([500, 503].includes(answer.status), `${what}: neither shown nor refused`)
    return false
  }
  const events = await server.sql(`SELECT FROM access_events WHERE request_id = $1 AND outcome = 'done'`, [
    answer.headers['x-request-id'],
  ])
  assert.ok(events.length > 0, `${what}: something private left without its event`)
  return true
}

async function readsOf(server: TestServer): Promise<Read[]> {
  const { dana, maria, ada } = await everybodyIn(server, {
    dana: server.cast.dana,
    maria: server.cast.maria,
    ada: server.cast.ada,
  })
  const message = await writeTo(dana!, {
    to: server.cast.maria.email,
    subject: SECRET,
    body: SECRET,
    files: [textFile('sheet.txt', SECRET), { name: 'picture.png', type: 'image/png', bytes: makePng() }],
  })
  const files = await server.sql<{ id: string }>('SELECT id FROM attachments WHERE message_id = $1 ORDER BY id', [
    message,
  ])
  // So that there are openings to tell of.
  for (const visitor of [dana!, maria!]) await visitor.ask(`/messages/${message}`)
  const says = (word: string) => (answer: Answer) => answer.body.includes(word)
  const isFile = (answer: Answer) => answer.headers['content-disposition'] !== undefined
  return [
    ...[dana!, maria!].flatMap((visitor) => [
      { visitor, path: '/messages?show=all', isPrivate: says(SECRET) },
      { visitor, path: `/messages/${message}`, isPrivate: says(SECRET) },
      ...files.map(({ id }) => ({ visitor, path: `/attachments/${id}/download`, isPrivate: isFile })),
      ...files.map(({ id }) => ({ visitor, path: `/attachments/${id}`, isPrivate: says('/download') })),
    ]),
    { visitor: maria!, path: '/account/openings', isPrivate: says(server.cast.dana.name) },
    { visitor: dana!, path: `/messages/${message}/receipt`, isPrivate: says(server.cast.maria.email) },
    { visitor: ada!, path: '/admin/people', isPrivate: says(server.cast.dana.email) },
    { visitor: ada!, path: '/admin/access-events', isPrivate: says(server.cast.dana.name) },
  ]
}

/** In a third of the inserts the log fails, by one of three ways; a sequence and another connection's table say how often. */
async function breakLog(server: TestServer): Promise<void> {
  for (const statement of [
    'CREATE SCHEMA injected',
    'GRANT USAGE ON SCHEMA injected TO letterlock_app',
    // Sequences keep their number when the transaction fails.
    ...KINDS.map((kind) => `CREATE SEQUENCE injected.${kind}`),
    `CREATE VIEW injected.failures AS ${KINDS.map((kind) => `SELECT '${kind}' AS kind, CASE WHEN is_called THEN last_value ELSE 0 END AS times FROM injected.${kind}`).join(' UNION ALL ')}`,
    `CREATE FUNCTION injected.fail() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
     DECLARE chance float := random();
     BEGIN
       IF chance < 0.15 THEN
         PERFORM nextval('injected.refused');
         RAISE EXCEPTION 'injected';
       ELSIF chance < 0.2 THEN
         PERFORM nextval('injected.cut');
         PERFORM pg_terminate_backend(pg_backend_pid());
         PERFORM pg_sleep(1);
       END IF;
       RETURN NULL;
     END $$`,
    `CREATE FUNCTION injected.fail_late() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
     BEGIN
       IF random() < 0.15 THEN
         PERFORM nextval('injected.late');
         RAISE EXCEPTION 'injected';
       END IF;
       RETURN NULL;
     END $$`,
    'CREATE TRIGGER injected AFTER INSERT ON access_events FOR EACH STATEMENT EXECUTE FUNCTION injected.fail()',
    `CREATE CONSTRAINT TRIGGER injected_late AFTER INSERT ON access_events DEFERRABLE INITIALLY DEFERRED
     FOR EACH ROW EXECUTE FUNCTION injected.fail_late()`,
  ])
    await server.sql(statement)
}

const KINDS = ['refused', 'cut', 'late']
