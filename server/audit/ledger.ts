/**
 * The ledger: what the database must not be able to forget, in a file outside it. Lines are added and never changed, by every
 * process of the deployment, one at a time. Each carries a MAC over itself and over the MAC before it, so that one that was cut out, changed or moved
 * is found. A process that is killed while it writes leaves a torn line; that one counts as not written, because nobody was told that it was.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import type { PoolClient } from 'pg'
import { config } from '../config.ts'
import { ask, connectionPool, type Transaction } from '../database/connection.ts'
import { Unavailable } from '../errors.ts'
import { ledgerKey } from '../vault/vault.ts'

export type ErasedWhy = 'recalled' | 'erased' | 'expired'

/** What is to be remembered. `mark`: a number that the database has too, and that only grows. */
export type LedgerEntry =
  | { kind: 'mark'; number: number }
  | { kind: 'erased'; message: string; why: ErasedWhy }
  | { kind: 'backup'; backup: string; until: string | null; masterKeyVersion: number }
  | ({ kind: 'checkpoint' } & SignedTree)

/** What was signed of the access log's tree. */
export interface SignedTree {
  epoch: number
  size: number
  /** In base64. */
  root: string
  /** From the second epoch on: what was signed last in the one before, and how much of that this one is known to have. */
  follows?: { epoch: number; size: number; root: string; kept: number }
}

export type LedgerLine = LedgerEntry & { at: Date }

/** The database knows a lower number than this process has seen in the ledger: an older one has come into its place while we ran. */
export class DatabaseOlder extends Error {
  override name = 'DatabaseOlder'
}

/** The file is shorter than this process knows it: somebody took lines away, or its disk is not there. */
export class LedgerCut extends Unavailable {
  constructor() {
    super('the ledger is shorter than it was; nothing is written into it before a start has looked at it')
  }
}

/** What this process has read or written. The file only grows, and the database's number is never below the file's. */
const seen = { bytes: 0, mark: 0 }

/**
 * Adds a line, and is done when it is safe on the disk.
 * @param transaction that has to be kept only together with the line: nobody else writes until it has ended
 * @throws LedgerCut
 */
export async function appendToLedger(entry: LedgerEntry, now = new Date(), transaction?: Transaction): Promise<void> {
  if (!transaction) return withLedgerHeld(() => write(entry, now))
  await ask('SELECT FROM pg_advisory_xact_lock($1)', [LOCK], transaction)
  await write(entry, now)
}

/**
 * Gives the database its next number, and then the ledger the same one. In this order a killed process leaves a ledger that is behind and never one
 * that is ahead: a ledger that is ahead means an older database, and nothing else.
 * @param event the newest access event
 * @throws DatabaseOlder, LedgerCut
 */
export async function markLedger(event: string | null, now = new Date()): Promise<number> {
  return withLedgerHeld(async (connection) => {
    const { rows } = await connection.query<{ mark: string }>(
      'UPDATE ledger_state SET mark = mark + 1, marked_at = $1, marked_event = $2 WHERE id = 1 AND mark >= $3 RETURNING mark',
      [now, event, seen.mark],
    )
    if (!rows[0]) throw new DatabaseOlder()
    const number = Number(rows[0].mark)
    await write({ kind: 'mark', number }, now)
    seen.mark = number
    return number
  })
}

/**
 * Adds the checkpoint that `next` makes of the newest one, and is done when it is safe on the disk; nobody else adds one in between.
 * @returns what `next` returned; what is the same tree as before is not written again
 */
export async function appendCheckpoint(
  next: (last: (SignedTree & { at: Date }) | undefined) => Promise<SignedTree | undefined>,
  now = new Date(),
): Promise<SignedTree | undefined> {
  return withLedgerHeld(async () => {
    const last = await findNewestCheckpoint()
    const signed = await next(last)
    const isNew = signed && !(last?.epoch === signed.epoch && last.size === signed.size)
    if (isNew) await write({ kind: 'checkpoint', ...signed }, now)
    return signed
  })
}

/** Every tree that was signed, in their order. While nobody writes. */
export async function listSignedTrees(): Promise<SignedTree[]> {
  const signed: SignedTree[] = []
  for await (const text of linesIn(config().ledgerFile)) {
    const said = readLine(text)?.said
    if (said?.kind === 'checkpoint') signed.push(said)
  }
  return signed
}

/** Holds the ledger until the transaction ends. */
export async function holdLedger(transaction: Transaction): Promise<void> {
  await ask('SELECT FROM pg_advisory_xact_lock($1)', [LOCK], transaction)
}

export interface Ledger {
  /** Every line that is whole, in their order, without checkpoints; of marks only the newest, which stands last. */
  lines: LedgerLine[]
  /** How many lines are not whole: torn by a killed process, changed, or written by somebody else. */
  broken: number
  /** How often a line does not follow the one that it was written after: one between them was cut out, changed or moved. */
  gaps: number
}

/** While nobody writes. Without a file there is nothing in it. */
export function readLedger(): Promise<Ledger> {
  return withLedgerHeld(readLines)
}

async function readLines(): Promise<Ledger> {
  const lines: LedgerLine[] = []
  let mark: (LedgerLine & { kind: 'mark' }) | undefined
  let [broken, gaps, before] = [0, 0, FIRST]
  seen.bytes = 0
  for await (const text of linesIn(config().ledgerFile)) {
    seen.bytes += Buffer.byteLength(text)
    const line = readLine(text)
    if (!line) broken++
    else {
      if (line.previous !== before) gaps++
      before = line.mac.slice(0, SHORT)
      if (line.said.kind === 'checkpoint') continue
      if (line.said.kind !== 'mark') lines.push(line.said)
      else if (!mark || line.said.number > mark.number) mark = line.said
    }
  }
  seen.mark = mark?.number ?? 0
  return { lines: mark ? [...lines, mark] : lines, broken, gaps }
}

const LOCK = 7_203_541
/** What stands where the first line has nothing before it. */
const FIRST = '-'
/** Of a MAC in the line after it: 132 bits. */
const SHORT = 22

/** On a connection of its own, so that nobody who waits for the ledger in a transaction can keep its holder from one. */
async function withLedgerHeld<T>(work: (connection: PoolClient) => Promise<T>): Promise<T> {
  const connection = await connectionPool().connect()
  let held = false
  try {
    await connection.query('SELECT pg_advisory_lock($1)', [LOCK])
    held = true
    return await work(connection)
  } finally {
    // A connection that cannot give the ledger back is closed, which gives it back.
    const given = held && (await connection.query('SELECT pg_advisory_unlock($1)', [LOCK]).catch(() => undefined))
    connection.release(!given)
  }
}

async function write(entry: LedgerEntry, now: Date): Promise<void> {
  const path = config().ledgerFile
  const file = await open(path, 'a+', 0o600)
  try {
    await file.chmod(0o600)
    if ((await file.stat()).size < seen.bytes) throw new LedgerCut()
    const { previous, ended, empty } = await endOf(file)
    const said = `${JSON.stringify({ ...entry, at: now.toISOString() })} ${previous}`
    // A line feed first ends a line that was torn.
    await file.appendFile(`${ended ? '' : '\n'}${said} ${macOf(said)}\n`)
    await file.sync()
    seen.bytes = (await file.stat()).size
    if (empty) await syncFolder(dirname(path))
  } finally {
    await file.close()
  }
}

async function syncFolder(path: string) {
  const folder = await open(path, 'r')
  await folder.sync().finally(() => folder.close())
}

/** What the next line follows, and whether the last one has its end. */
async function endOf(file: FileHandle): Promise<{ previous: string; ended: boolean; empty: boolean }> {
  const { size } = await file.stat()
  for (let length = Math.min(size, 4096); length > 0; length = Math.min(size, length * 2)) {
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length)
    const found = buffer.toString().split('\n').map(readLine)
    const last = found.findLast((line) => line !== undefined)
    if (last) return { previous: last.mac.slice(0, SHORT), ended: buffer.at(-1) === 0x0a, empty: false }
    if (length === size) return { previous: FIRST, ended: buffer.at(-1) === 0x0a, empty: false }
  }
  return { previous: FIRST, ended: true, empty: true }
}

/** From the end, where it stands: what comes after it are the marks of a few minutes. */
async function findNewestCheckpoint(): Promise<(LedgerLine & { kind: 'checkpoint' }) | undefined> {
  const file = await openIfThere(config().ledgerFile)
  if (!file) return undefined
  try {
    const { size } = await file.stat()
    for (let length = Math.min(size, 65_536); length > 0; length = Math.min(size, length * 4)) {
      const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length)
      const found = buffer.toString().split('\n').map(readLine)
      const last = found.findLast((line) => line?.said.kind === 'checkpoint')
      if (last) return last.said as LedgerLine & { kind: 'checkpoint' }
      if (length === size) return undefined
    }
    return undefined
  } finally {
    await file.close()
  }
}

async function* linesIn(path: string): AsyncGenerator<string> {
  const file = await openIfThere(path)
  if (!file) return
  await file.close()
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity }))
    if (line !== '') yield line
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  return open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
    return undefined
  })
}

function readLine(text: string): { said: LedgerLine; previous: string; mac: string } | undefined {
  const [, said = '', json = '', previous = '', mac = ''] = /^((\{.*\}) (\S+)) (\S+)$/.exec(text) ?? []
  const [given, expected] = [Buffer.from(mac), Buffer.from(macOf(said))]
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined
  const entry = JSON.parse(json) as LedgerEntry & { at: string }
  return { said: { ...entry, at: new Date(entry.at) }, previous, mac }
}

function macOf(said: string): string {
  return createHmac('sha256', ledgerKey()).update(said).digest('base64url')
}
