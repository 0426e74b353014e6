/** The tree of the access log: events that wait for a place in it, their places, its hashes, whose turn it is, and the checkpoints. */
import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'
import { nodeHash, type ReadNode } from './merkle-tree.ts'

/** An event as its leaf has it. `act` is null when the row is gone. */
export interface SequencedEvent {
  id: string
  /** UTC with microseconds. */
  at: string
  actorKind: string | null
  actorId: string | null
  actorRole: string | null
  strength: string | null
  act: string | null
  subjectKind: string | null
  subjectId: string | null
  outcome: string | null
  requestId: string | null
  /** Of the sealed details, as they were recorded. */
  detailsDigest: Buffer | null
  mac: Buffer | null
}

/** A place in the tree and what stands there now. */
export interface Leaf {
  leaf: number
  event: SequencedEvent
  /** Digest of the sealed details as they are now. */
  detailsNow: Buffer | null
}

/** The right to add to the tree: good as long as nobody has a newer token. */
export interface Turn {
  token: number
  /** Leaves that the tree has. */
  size: number
}

export interface Checkpoint {
  epoch: number
  size: number
  root: Buffer
  note: string
  signedAt: Date
}

table<{ place: string; eventAt: Date; eventId: string }>('waiting_events', {
  place: 'bigint key',
  eventAt: 'timestamptz',
  eventId: 'uuid',
})
/** The columns behind the event's id are what it is searched by: copies, which check-log.ts holds against the event. */
table<{
  leaf: string
  eventAt: Date
  eventId: string
  actorId: string | null
  actorRole: string | null
  act: string | null
  subjectId: string | null
  outcome: string | null
  addressDigest: Buffer | null
}>('log_leaves', {
  leaf: 'bigint key',
  eventAt: 'timestamptz',
  eventId: 'uuid',
  actorId: 'uuid',
  actorRole: 'text',
  act: 'text',
  subjectId: 'uuid',
  outcome: 'text',
  addressDigest: 'bytea',
})
table<{ level: number; number: string; hashes: Buffer }>('log_tiles', {
  level: 'integer key',
  number: 'bigint key',
  hashes: 'bytea',
})
table<{ id: number; token: string; size: string; seenAt: Date }>('log_state', {
  id: 'integer key',
  token: 'bigint',
  size: 'bigint',
  seenAt: 'timestamptz',
})
const checkpoints = table<Omit<Checkpoint, 'size'> & { size: string }>('log_checkpoints', {
  epoch: 'integer key',
  size: 'bigint key',
  root: 'bytea',
  note: 'text',
  signedAt: 'timestamptz',
})

export type PublicationWay = 'folder' | 'mail' | 'webhook'

/** That a checkpoint left this machine. */
export interface Publication {
  way: PublicationWay
  epoch: number
  size: number
  publishedAt: Date
}

const publications = table<Omit<Publication, 'size'> & { size: string }>('log_publications', {
  way: 'text key',
  epoch: 'integer key',
  size: 'bigint key',
  publishedAt: 'timestamptz',
})

/** Hashes in one tile, as C2SP tlog-tiles has them. */
export const TILE = 256
const TILE_LEVELS = 8
const HASH = 32

const AS_LEAF = `to_char(%.event_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at, %.event_id AS id, e.actor_kind, e.actor_id, e.actor_role,
  e.strength, e.act, e.subject_kind, e.subject_id, e.outcome, e.request_id, e.details_digest, e.mac`

/** An event that has no place yet. */
export type WaitingEvent = SequencedEvent & { place: string }

/** The events that wait for a place, the longest waiting first. */
export function listWaiting(limit: number): Promise<WaitingEvent[]> {
  return ask<WaitingEvent>(
    `SELECT w.place, ${AS_LEAF.replaceAll('%', 'w')} FROM (SELECT * FROM waiting_events ORDER BY place LIMIT $1) w
     LEFT JOIN access_events e ON e.at = w.event_at AND e.id = w.event_id ORDER BY w.place`,
    [limit],
  )
}

/** What stands at these leaves. A place whose row is gone from `log_leaves` is left out. */
export async function listLeaves(from: number, count: number): Promise<Leaf[]> {
  const rows = await ask<SequencedEvent & { leaf: string; detailsNow: Buffer | null }>(
    `SELECT l.leaf, ${AS_LEAF.replaceAll('%', 'l')}, sha256(e.details_sealed) AS details_now FROM log_leaves l
     LEFT JOIN access_events e ON e.at = l.event_at AND e.id = l.event_id WHERE l.leaf >= $1 AND l.leaf < $2 ORDER BY l.leaf`,
    [from, from + count],
  )
  return rows.map(({ leaf, detailsNow, ...event }) => ({ leaf: Number(leaf), event, detailsNow }))
}

/** The leaves of these events, in the order of the tree. An event that has no place yet is left out. */
export async function listLeavesOf(eventIds: readonly string[]): Promise<Leaf[]> {
  const rows = await ask<SequencedEvent & { leaf: string; detailsNow: Buffer | null }>(
    `SELECT l.leaf, ${AS_LEAF.replaceAll('%', 'l')}, sha256(e.details_sealed) AS details_now FROM log_leaves l
     LEFT JOIN access_events e ON e.at = l.event_at AND e.id = l.event_id WHERE l.event_id = ANY($1::uuid[]) ORDER BY l.leaf`,
    [eventIds],
  )
  return rows.map(({ leaf, detailsNow, ...event }) => ({ leaf: Number(leaf), event, detailsNow }))
}

/** The first leaf whose event has a MAC: those before it are from before events had one. Past the end when there is none. */
export async function findFirstProved(): Promise<number> {
  const [row] = await ask<{ leaf: string | null }>(
    `SELECT l.leaf FROM log_leaves l JOIN access_events e ON e.at = l.event_at AND e.id = l.event_id WHERE e.mac IS NOT NULL ORDER BY l.leaf LIMIT 1`,
  )
  return row?.leaf === undefined || row.leaf === null ? Number.MAX_SAFE_INTEGER : Number(row.leaf)
}

/** The tree's hashes of 256 leaves in a row, or of as many as it has there. */
export async function listLeafHashes(tile: number): Promise<Buffer[]> {
  return hashesIn(await readTile(0, tile))
}

/** Leaves among these whose columns to search by are not those of their event. Whose row is gone is found by its hash. */
export async function listWrongCopies(from: number, count: number): Promise<number[]> {
  const rows = await ask<{ leaf: string }>(
    `SELECT l.leaf FROM log_leaves l JOIN access_events e ON e.at = l.event_at AND e.id = l.event_id
     WHERE l.leaf >= $1 AND l.leaf < $2 AND (l.actor_id, l.actor_role, l.act, l.subject_id, l.outcome, l.address_digest)
       IS DISTINCT FROM (e.actor_id, e.actor_role, e.act, e.subject_id, e.outcome, e.address_digest) ORDER BY l.leaf`,
    [from, from + count],
  )
  return rows.map(({ leaf }) => Number(leaf))
}

/** The event of a leaf, by its id. */
export async function findEventAt(leaf: number): Promise<string | undefined> {
  const [row] = await ask<{ eventId: string }>('SELECT event_id FROM log_leaves WHERE leaf = $1', [leaf])
  return row?.eventId
}

/** When the event of a leaf was recorded. */
export async function findTimeAt(leaf: number): Promise<Date | undefined> {
  const [row] = await ask<{ eventAt: Date }>('SELECT event_at FROM log_leaves WHERE leaf = $1', [leaf])
  return row?.eventAt
}

/** Rows of the log that neither have a place in the tree nor wait for one: nobody wrote them by the way on which events are written. */
export function listStrays(limit = 1000): Promise<{ id: string; at: Date }[]> {
  return ask(
    `SELECT e.id, e.at FROM access_events e
     WHERE NOT EXISTS (SELECT FROM log_leaves l WHERE l.event_id = e.id AND l.event_at = e.at)
       AND NOT EXISTS (SELECT FROM waiting_events w WHERE w.event_id = e.id AND w.event_at = e.at)
     ORDER BY e.at LIMIT $1`,
    [limit],
  )
}

export async function giveLeaves(
  first: number,
  events: readonly WaitingEvent[],
  transaction: Transaction,
): Promise<void> {
  await ask(
    `INSERT INTO log_leaves (leaf, event_at, event_id, actor_id, actor_role, act, subject_id, outcome, address_digest)
     SELECT $1::bigint + number - 1, w.event_at, w.event_id, e.actor_id, e.actor_role, e.act, e.subject_id, e.outcome, e.address_digest
     FROM unnest($2::bigint[]) WITH ORDINALITY AS given (place, number)
     JOIN waiting_events w USING (place) LEFT JOIN access_events e ON e.at = w.event_at AND e.id = w.event_id`,
    [first, events.map(({ place }) => place)],
    transaction,
  )
  await ask(
    'DELETE FROM waiting_events WHERE place = ANY($1::bigint[])',
    [events.map(({ place }) => place)],
    transaction,
  )
}

/** How many events from up to then have no place yet. */
export async function countWaiting(until: Date): Promise<number> {
  const [row] = await ask<{ count: string }>('SELECT count(*) AS count FROM waiting_events WHERE event_at <= $1', [
    until,
  ])
  return Number(row!.count)
}

/** What the log is called, for good: as it was called first, also when the address of the installation is another one since. */
export async function keepLogName(name: string): Promise<string> {
  await ask(`INSERT INTO installation (name, value) VALUES ('log', $1) ON CONFLICT DO NOTHING`, [name])
  const [row] = await ask<{ value: string }>(`SELECT value FROM installation WHERE name = 'log'`)
  return row!.value
}

export async function findTreeSize(): Promise<number> {
  const [row] = await ask<{ size: string }>('SELECT size FROM log_state')
  return Number(row!.size)
}

/**
 * Takes the turn from whoever had it and was not seen for `seconds`, by the database's clock.
 * @returns the new token and the tree's size; undefined while they are at it
 */
export async function takeTurn(seconds: number): Promise<Turn | undefined> {
  const [row] = await ask<{ token: string; size: string }>(
    `UPDATE log_state SET token = token + 1, seen_at = now() WHERE seen_at < now() - make_interval(secs => $1) RETURNING token, size`,
    [seconds],
  )
  return row && { token: Number(row.token), size: Number(row.size) }
}

/** Says that the tree grows to `size`, or with the same size that somebody is still at it. @returns false when it is another one's turn now */
export async function growTree(turn: Turn, size: number, transaction?: Transaction): Promise<boolean> {
  const rows = await ask(
    'UPDATE log_state SET size = $3, seen_at = now() WHERE token = $1 AND size = $2 RETURNING id',
    [turn.token, turn.size, size],
    transaction,
  )
  return rows.length === 1
}

/** Gives the turn back, so that nobody has to wait for it. */
export async function endTurn({ token }: Turn): Promise<void> {
  await ask("UPDATE log_state SET seen_at = '1970-01-01T00:00:00Z' WHERE token = $1", [token])
}

/** Adds the hashes of new leaves to the tiles, and those of the subtrees that they complete. */
export async function addToTiles(size: number, hashes: readonly Buffer[], transaction: Transaction): Promise<void> {
  let [at, added] = [size, hashes]
  for (let level = 0; added.length > 0; level++) {
    const number = Math.floor(at / TILE)
    const partial = at % TILE === 0 ? Buffer.alloc(0) : await readTile(level, number, transaction)
    const all = [...hashesIn(partial.subarray(0, (at % TILE) * HASH)), ...added]
    const tiles = Math.ceil(all.length / TILE)
    for (let tile = 0; tile < tiles; tile++)
      await ask(
        'INSERT INTO log_tiles (level, number, hashes) VALUES ($1, $2, $3) ON CONFLICT (level, number) DO UPDATE SET hashes = excluded.hashes',
        [level, number + tile, Buffer.concat(all.slice(tile * TILE, (tile + 1) * TILE))],
        transaction,
      )
    const complete = Math.floor(all.length / TILE)
    added = Array.from({ length: complete }, (_, tile) => subtree(all.slice(tile * TILE, (tile + 1) * TILE)))
    at = number
  }
}

/** Reads hashes of the tree from its tiles, each tile once. */
export function nodesOfTiles(transaction?: Transaction): ReadNode {
  const read = new Map<string, Promise<Buffer[]>>()
  return async (level, index) => {
    const tileLevel = Math.floor(level / TILE_LEVELS)
    const width = 2 ** (level % TILE_LEVELS)
    const number = Math.floor((index * width) / TILE)
    const name = `${tileLevel}/${number}`
    if (!read.has(name)) read.set(name, readTile(tileLevel, number, transaction).then(hashesIn))
    const begin = (index * width) % TILE
    const hashes = (await read.get(name)!).slice(begin, begin + width)
    if (hashes.length < width) throw new Error(`The tree lacks hashes: level ${level}, ${index}`)
    return subtree(hashes)
  }
}

async function readTile(level: number, number: number, transaction?: Transaction): Promise<Buffer> {
  const [row] = await ask<{ hashes: Buffer }>(
    'SELECT hashes FROM log_tiles WHERE level = $1 AND number = $2',
    [level, number],
    transaction,
  )
  return row?.hashes ?? Buffer.alloc(0)
}

function hashesIn(tile: Buffer): Buffer[] {
  return Array.from({ length: Math.floor(tile.length / HASH) }, (_, at) => tile.subarray(at * HASH, (at + 1) * HASH))
}

/** The root of a complete subtree, from the hashes of one level of it. */
function subtree(hashes: readonly Buffer[]): Buffer {
  let level = [...hashes]
  while (level.length > 1)
    level = Array.from({ length: level.length / 2 }, (_, pair) => nodeHash(level[2 * pair]!, level[2 * pair + 1]!))
  return level[0]!
}

/** Once for each tree. */
export async function insertCheckpoint(
  { epoch, size, root, note, signedAt }: Checkpoint,
  transaction: Transaction,
): Promise<void> {
  await ask(
    'INSERT INTO log_checkpoints (epoch, size, root, note, signed_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING',
    [epoch, size, root, note, signedAt],
    transaction,
  )
}

export async function findLastCheckpoint(): Promise<Checkpoint | undefined> {
  const [row] = await ask<Omit<Checkpoint, 'size'> & { size: string }>(
    'SELECT * FROM log_checkpoints ORDER BY epoch DESC, size DESC LIMIT 1',
  )
  return row && { ...row, size: Number(row.size) }
}

/** The first checkpoint of the newest epoch that has this leaf. */
export async function findCheckpointOf(leaf: number): Promise<Checkpoint | undefined> {
  const [row] = await ask<Omit<Checkpoint, 'size'> & { size: string }>(
    'SELECT * FROM log_checkpoints WHERE size > $1 ORDER BY epoch DESC, size LIMIT 1',
    [leaf],
  )
  return row && { ...row, size: Number(row.size) }
}

/** In the order in which they were signed. */
export async function listCheckpoints(): Promise<Checkpoint[]> {
  const rows = await checkpoints.list({})
  return rows
    .map((row) => ({ ...row, size: Number(row.size) }))
    .sort((one, other) => one.epoch - other.epoch || one.size - other.size)
}

export async function insertPublication(
  { size, ...publication }: Publication,
  transaction?: Transaction,
): Promise<void> {
  await publications.insert({ size: String(size), ...publication }, transaction)
}

/** The newest checkpoint of an epoch that left this machine, by whichever way. */
export async function findLastPublished(epoch: number): Promise<Checkpoint | undefined> {
  const [row] = await ask<Omit<Checkpoint, 'size'> & { size: string }>(
    `SELECT c.* FROM log_checkpoints c JOIN log_publications p USING (epoch, size) WHERE epoch = $1 ORDER BY size DESC LIMIT 1`,
    [epoch],
  )
  return row && { ...row, size: Number(row.size) }
}

/** The newest checkpoint that left this machine by this way. */
export async function findLastPublication(
  way: PublicationWay,
  transaction?: Transaction,
): Promise<Publication | undefined> {
  const [row] = await ask<Omit<Publication, 'size'> & { size: string }>(
    'SELECT * FROM log_publications WHERE way = $1 ORDER BY published_at DESC, epoch DESC, size DESC LIMIT 1',
    [way],
    transaction,
  )
  return row && { ...row, size: Number(row.size) }
}
