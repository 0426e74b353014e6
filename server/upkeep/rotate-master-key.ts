/**
 * Another version of the master key in the place of the one that is written with, while everybody goes on: it is made, every running process learns
 * it, new seals are under it, every row is sealed again, and then the earlier version is destroyed. Each step is kept before the next begins, so that
 * it can be killed anywhere; asked again, by a person or by the running server's job, it goes on.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { system } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { inTransaction, ownConnection, type Transaction } from '../database/connection.ts'
import { newId } from '../lib/ids.ts'
import { HOLDS, KNOWS, tellOfMasterKey, WRITES } from '../vault/follow-master-key.ts'
import type { KeyProvider } from '../vault/key-provider.ts'
import { findWrittenKey, findWrittenVersion } from '../vault/key.store.ts'
import { masterVersions, writtenMasterVersion, useMasterKey, type MasterKeyVersions } from '../vault/master-key.ts'
import { areRightKeys } from '../vault/vault.ts'
import { COLUMNS_UNDER_MASTER } from './columns-under-master.ts'
import { countEarlier, listEarlier, resealColumn, type UnopenedRow } from './reseal-column.ts'
import {
  addResealed,
  countBackupsNeeding,
  findRetiredVersion,
  findUnfinishedRotation,
  giveUpRows,
  insertRotation,
  noteRotation,
  withoutGivenUp,
  type Rotation,
} from './rotation.store.ts'
import { switchVaultKeys } from './switch-vault-keys.ts'

export interface Rotating {
  /** Prints a line for whoever asked. */
  say(line: string): void
  /** Milliseconds that other processes get to keep up, each time that one has to be waited for. */
  patience: number
  /** Goes on where rows do not open under the version that they name. They are lost already; the version would otherwise be kept for them. */
  withoutDamaged: boolean
}

/** The old version is kept, because somebody still needs it. Asked again, the rotation goes on. */
export class RotationWaits extends Error {}

/** Another process is at it. */
export class RotationUnderWay extends Error {}

/** Asks for a rotation away from the version of now, in the caller's transaction: it is carried out by `rotateMasterKey`, at the latest by the job. */
export async function askForRotation(transaction: Transaction, now = new Date()): Promise<void> {
  // As the database says it: another one may have been taken into use a moment ago, and this process not have looked yet.
  const from = (await findWrittenVersion(transaction)) ?? writtenMasterVersion()
  await insertRotation(newRotation(from, null, now), transaction)
}

/**
 * Finishes every rotation that was begun; when there was none, begins one and finishes it.
 * @returns the version that everything is under now
 * @throws RotationWaits, RotationUnderWay, MasterKeyProblem, each with a sentence
 */
export async function rotateMasterKey(provider: KeyProvider, rotating: Rotating, now = new Date()): Promise<number> {
  return asTheOnlyOne(async (client) => {
    if (!(await findUnfinishedRotation())) await beginRotation(provider, rotating, now)
    await finishAll(client, provider, rotating)
    return writtenMasterVersion()
  })
}

/** Only what was begun or asked for: whoever comes when another has just finished it begins none. @throws as `rotateMasterKey` does */
export async function goOnWithRotation(provider: KeyProvider, rotating: Rotating): Promise<void> {
  if (!(await findUnfinishedRotation())) return
  await asTheOnlyOne((client) => finishAll(client, provider, rotating))
}

async function finishAll(client: Client, provider: KeyProvider, rotating: Rotating) {
  for (let rotation; (rotation = await findUnfinishedRotation());) await carryOut(client, provider, rotation, rotating)
}

type Client = Awaited<ReturnType<typeof ownConnection>>

/** One rotation at a time, whoever does it. @throws RotationUnderWay that says how far the other one is */
async function asTheOnlyOne<T>(work: (client: Client) => Promise<T>): Promise<T> {
  const client = await ownConnection('letterlock rotates the master key')
  try {
    const { rows } = await client.query<{ alone: boolean }>('SELECT pg_try_advisory_lock($1) AS alone', [ONE_ROTATION])
    if (!rows[0]?.alone) throw new RotationUnderWay(howFar(await findUnfinishedRotation()))
    return await work(client)
  } finally {
    await client.end()
  }
}

const ONE_ROTATION = 7_203_530

function howFar(rotation: Rotation | undefined): string {
  const { rowsResealed = '0', rowsToReseal = null } = rotation ?? {}
  const rows = rowsToReseal === null ? '' : ` It has sealed ${rowsResealed} of ${rowsToReseal} rows again.`
  return `Another process changes the master key just now.${rows} Nothing was done here.`
}

function newRotation(fromVersion: number, toVersion: number | null, now: Date): Rotation {
  return {
    id: newId(now),
    askedAt: now,
    fromVersion,
    toVersion,
    inUseAt: null,
    rowsToReseal: null,
    rowsResealed: '0',
    retiringAt: null,
    finishedAt: null,
  }
}

/** The version is made before the rotation is on record: where it cannot be made, nothing was begun. */
async function beginRotation(provider: KeyProvider, { say }: Rotating, now: Date) {
  const from = writtenMasterVersion()
  const to = await makeNewer(provider, from, say)
  await insertRotation(newRotation(from, to, now))
}

/** A newer one that is there already was made by an operator, or by a run that was killed right behind it. */
async function makeNewer(provider: KeyProvider, from: number, say: (line: string) => void): Promise<number> {
  const newest = newestOf(await provider.read())
  const to = newest > from ? newest : from + 1
  await provider.add(to)
  await record(system, { act: 'master-key.added', found: `version ${to}` })
  say(`Version ${to} of the master key is there (${provider.place}).`)
  return to
}

function newestOf(versions: ReadonlyMap<number, Buffer>): number {
  return Math.max(...versions.keys())
}

async function carryOut(client: Client, provider: KeyProvider, rotation: Rotation, rotating: Rotating) {
  const { id, fromVersion: from } = rotation
  if (!rotation.retiringAt && writtenMasterVersion() > from && !(await anyEarlier(client, provider, from)))
    // Another rotation took away everything that this one was asked for.
    return noteRotation(id, { finishedAt: new Date() })
  const to = rotation.toVersion ?? (await makeNewer(provider, from, rotating.say))
  await noteRotation(id, { toVersion: to })
  if (!rotation.retiringAt) {
    if (!rotation.inUseAt) await takeIntoUse(client, rotation, to, rotating)
    await resealAll(client, rotation, to, rotating)
  }
  await retire(client, provider, rotation, to, rotating)
}

async function anyEarlier(client: Client, provider: KeyProvider, from: number): Promise<boolean> {
  if ([...(await provider.read()).keys()].some((version) => version <= from)) return true
  for (const column of COLUMNS_UNDER_MASTER) if ((await countEarlier(client, column, from + 1)) > 0) return true
  return false
}

/** Everybody knows the version before anybody writes under it. */
async function takeIntoUse(client: Client, { id }: Rotation, to: number, { say, patience }: Rotating) {
  await othersLeave(client, KNOWS, to, patience, (who) => `${who} does not know version ${to} yet.`)
  await inTransaction(async (transaction) => {
    await switchVaultKeys(to, transaction)
    await noteRotation(id, { inUseAt: new Date() }, transaction)
    await record(system, { act: 'master-key.in-use', found: `version ${to}` }, transaction)
    await tellOfMasterKey(transaction)
  })
  say(`Every running process knows it. New seals are under version ${to} from now on.`)
}

async function resealAll(client: Client, rotation: Rotation, to: number, { say }: Rotating) {
  const { id } = rotation
  let left = 0
  for (const column of COLUMNS_UNDER_MASTER) left += await countEarlier(client, column, to)
  const before = Number(rotation.rowsResealed)
  await noteRotation(id, { rowsToReseal: String(before + left) })
  const tell = everySecond(say)
  let done = before
  // What does not open is met again in the last pass, and told then.
  for (const column of COLUMNS_UNDER_MASTER)
    await resealColumn(client, column, to, async (rows) => {
      done += rows
      await addResealed(id, rows)
      tell(`… ${done} of ${before + left} rows are sealed again`)
    })
  say(`${done} rows are sealed again under version ${to}.`)
}

function everySecond(say: (line: string) => void): (line: string) => void {
  let last = Date.now()
  return (line) => {
    if (Date.now() - last < 1_000) return
    last = Date.now()
    say(line)
  }
}

/**
 * Destroys the earlier versions, when nobody writes under them, no transaction that did is under way, and no row is left. From `retiring_at` on the
 * database takes no such row either.
 */
async function retire(client: Client, provider: KeyProvider, rotation: Rotation, to: number, rotating: Rotating) {
  const { id, fromVersion: from } = rotation
  const { say, patience } = rotating
  if (!rotation.retiringAt) {
    await othersLeave(client, WRITES, to, patience, (who) => `${who} still writes under version ${from}.`)
    await pause(A_MOMENT)
    const versions = new Set([...masterVersions().filter((version) => version <= from), from])
    await holdAlone(client, [...versions], patience, async () => {
      const unopened = await lastRows(client, from, to, patience)
      const lost = await withoutGivenUp(unopened)
      if (lost.length > 0) await goOnWithout(client, lost, from, rotating)
      await inTransaction(async (transaction) => {
        await noteRotation(id, { retiringAt: new Date() }, transaction)
        await record(system, { act: 'master-key.resealed', found: `version ${to}` }, transaction)
      })
    })
  }
  const kept = await provenKeys(provider, to, from)
  // Also the one that is not there any more: a provider may have been cut off in the middle of destroying it.
  const earlier = [...kept.keys()].filter((version) => version < from)
  const going = [...earlier.sort((a, b) => a - b), from]
  for (const version of going) await provider.retire(version)
  await inTransaction(async (transaction) => {
    await noteRotation(id, { finishedAt: new Date() }, transaction)
    await record(system, { act: 'master-key.retired', found: `version ${going.join(', ')}` }, transaction)
    await tellOfMasterKey(transaction)
  })
  useMasterKey(await provider.read(), to)
  say(`Nothing needs version ${going.join(', ')} any more. It is destroyed in ${provider.place}.`)
  await sayWhatFollows(rotation, to, say)
}

/** What is to stay rests where the settings say, and opens what is here, before anything goes. @throws RotationWaits */
async function provenKeys(provider: KeyProvider, to: number, from: number): Promise<MasterKeyVersions> {
  const versions = await provider.read()
  const written = await findWrittenKey()
  if (written?.version === to && areRightKeys(versions, written)) return versions
  throw new RotationWaits(
    `Version ${to} of the master key, under which everything is now, is not in ${provider.place}. Version ${from} was not destroyed. Put version ${to} back there (npm run import-master-key -- FILE) while the running processes still have it, and ask again.`,
  )
}

/** Milliseconds for whoever read a row before it was sealed again and opens it now, or has sealed one and is about to write it. */
const A_MOMENT = 1_000

/**
 * What came since the rows were gone through. Nobody can write such a row now, but somebody who began to may hold it locked until we let go.
 * @throws RotationWaits
 */
async function lastRows(client: Client, from: number, to: number, patience: number): Promise<UnopenedRow[]> {
  for (const end = Date.now() + patience; ; await pause(200)) {
    const unopened: UnopenedRow[] = []
    let left = false
    for (const column of COLUMNS_UNDER_MASTER) {
      const closed = await resealColumn(client, column, to, async () => {})
      const known = new Set(closed.map(({ row }) => row))
      unopened.push(...closed)
      left ||= (await listEarlier(client, column, to)).some((row) => !known.has(row))
    }
    if (!left) return unopened
    if (Date.now() > end) throw new RotationWaits(stillUnderWay(from))
  }
}

/** A row that does not open is on record before its version goes. @throws RotationWaits when nobody agreed to that */
async function goOnWithout(
  client: Client,
  unopened: readonly UnopenedRow[],
  from: number,
  { say, withoutDamaged }: Rotating,
) {
  for (const { table, row, version, missing } of unopened.slice(0, 20))
    say(
      missing
        ? `  ${table} ${row} is under version ${version}, which is not at hand`
        : `  ${table} ${row} does not open under version ${version}`,
    )
  await refuseMissing(client, unopened, from)
  if (!withoutDamaged)
    throw new RotationWaits(
      `${unopened.length} rows do not open under the version that they name. Everything else is sealed again. Version ${from} is kept for them: bring them back from a backup, or give them up with npm run rotate-master-key -- --without-damaged.`,
    )
  // Only now, and not each minute that the job finds them again.
  await record(
    system,
    unopened.slice(0, 1_000).map(({ table, row, version }) => ({
      act: 'envelope.refused' as const,
      outcome: 'failed' as const,
      reason: 'not-as-sealed' as const,
      found: `${table} ${row} under version ${version} of the master key`,
    })),
  )
  await giveUpRows(unopened)
}

/** A version that can be put back is no damage of its rows, and nobody gives them up for it. @throws RotationWaits */
async function refuseMissing(client: Client, unopened: readonly UnopenedRow[], from: number) {
  const retired = await findRetiredVersion(client)
  const rows = unopened.filter(({ missing, version }) => missing && version > retired)
  if (rows.length === 0) return
  const versions = [...new Set(rows.map(({ version }) => version))].sort((a, b) => a - b).join(', ')
  throw new RotationWaits(
    `${rows.length} rows are under version ${versions} of the master key, which is not at hand. That is no damage, and --without-damaged does not give them up: put version ${versions} back (npm run import-master-key -- FILE) and ask again. Nothing of version ${from} was destroyed.`,
  )
}

/** Waits until no other process holds this lock with a lower version, and asks all of them to look again meanwhile. @throws RotationWaits */
async function othersLeave(
  client: Client,
  kind: number,
  version: number,
  patience: number,
  why: (who: string) => string,
) {
  for (const end = Date.now() + patience; ; await pause(200)) {
    await tellOfMasterKey()
    const { rows } = await client.query<{ who: string | null }>(
      `SELECT DISTINCT coalesce(nullif(a.application_name, ''), 'connection ' || l.pid) AS who
       FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
       WHERE l.locktype = 'advisory' AND l.classid = $1 AND l.objid::bigint < $2 AND l.objsubid = 2
         AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      [kind, version],
    )
    if (rows.length === 0) return
    if (Date.now() > end)
      throw new RotationWaits(
        `${why(rows.map(({ who }) => `"${who}"`).join(', '))} Nothing is lost, and nothing was destroyed. Start it again, or give it the key where it reads it from another file, and ask again.`,
      )
  }
}

/** Runs `work` when no transaction is under way that wrote under these versions; none can begin meanwhile. @throws RotationWaits */
async function holdAlone(client: Client, versions: readonly number[], patience: number, work: () => Promise<void>) {
  const held: number[] = []
  try {
    for (const end = Date.now() + patience; held.length < versions.length;) {
      const version = versions[held.length]!
      const { rows } = await client.query<{ held: boolean }>('SELECT pg_try_advisory_lock($1, $2) AS held', [
        HOLDS,
        version,
      ])
      if (rows[0]?.held) held.push(version)
      else if (Date.now() > end) throw new RotationWaits(stillUnderWay(version))
      else await pause(200)
    }
    await work()
  } finally {
    for (const version of held) await client.query('SELECT pg_advisory_unlock($1, $2)', [HOLDS, version])
  }
}

function stillUnderWay(version: number): string {
  return `Something that was begun under version ${version} is still under way, such as a backup. Everything else is sealed again; the version is destroyed when that has ended and this is asked again.`
}

async function sayWhatFollows({ fromVersion: from }: Rotation, to: number, say: (line: string) => void) {
  const backups = await countBackupsNeeding(from, new Date())
  if (backups > 0)
    say(
      `${backups} backups on record hold what was sealed under version ${from} or before. They open only with a copy of that version from the safe: keep it as long as them, or make a new backup now.`,
    )
  say(`The copy in the safe does not hold version ${to}. Make a new one now: npm run export-master-key -- FILE`)
}
