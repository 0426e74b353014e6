/**
 * How a running process keeps up with the master key. It holds two advisory locks on a connection of its own, by which whoever rotates sees it: one
 * says which version is the newest that it knows, the other under which it writes. It is told by NOTIFY to look again, and looks by itself whenever
 * the connection is made anew.
 */
import { hostname } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { ask, ownConnection, type Transaction } from '../database/connection.ts'
import { logError, logInfo } from '../lib/logger.ts'
import type { KeyProvider } from './key-provider.ts'
import { findWrittenKey, findWrittenVersion } from './key.store.ts'
import {
  MasterKeyProblem,
  masterVersions,
  writtenMasterVersion,
  useMasterKey,
  versionThatDiffers,
  type MasterKeyVersions,
} from './master-key.ts'
import { areRightKeys } from './vault.ts'

/** Classes of advisory locks; the other half of each is a version. */
export const KNOWS = 7_203_531
export const WRITES = 7_203_532
/** Held by every transaction that writes under a version, until it ends: see 0022-master-key.sql. */
export const HOLDS = 7_203_533

/** Has every running process look again; inside of a transaction, once that is kept. */
export async function tellOfMasterKey(transaction?: Transaction): Promise<void> {
  await ask(`SELECT pg_notify($1, '')`, [CHANNEL], transaction)
}

const CHANNEL = 'letterlock_master_key'
type Client = Awaited<ReturnType<typeof ownConnection>>

/** The vault is open. @returns what ends it @throws MasterKeyProblem */
export async function followMasterKey(provider: KeyProvider): Promise<() => Promise<void>> {
  let ended = false
  let client: Client | undefined
  let locks = locksOf()
  /** One look after the other, and no more than one that waits. */
  let looking: Promise<void> = Promise.resolve()
  let waiting = false

  function lookAgain() {
    if (waiting) return
    waiting = true
    looking = looking.then(async () => {
      waiting = false
      if (client && !ended) await look(client).catch(tell)
    })
  }

  /** Such a sentence holds no secret, and whoever reads the log has to know which key it is. */
  function tell(error: unknown) {
    const why = error instanceof MasterKeyProblem ? `: ${error.message}` : ''
    logError(`The master key cannot be taken up again${why}`, error)
  }

  async function look(on: Client) {
    const before = writtenMasterVersion()
    await takeUp(on, provider, locks)
    const now = writtenMasterVersion()
    if (now !== before) logInfo('New seals are under another version of the master key', { count: now })
  }

  async function connect(firstLook: (on: Client) => Promise<void>) {
    const made = await ownConnection(`letterlock ${process.pid} on ${hostname()}`.slice(0, 63))
    let alive = true
    made.once('end', () => {
      alive = false
      if (client !== made) return
      client = undefined
      if (!ended) void connectAgain()
    })
    try {
      locks = locksOf()
      made.on('notification', lookAgain)
      await made.query(`LISTEN ${CHANNEL}`)
      // As it is in memory: whoever rotates has to see us also where what is read now cannot be taken up.
      await locks.take(made, KNOWS, masterVersions().at(-1)!)
      await locks.take(made, WRITES, writtenMasterVersion())
      await firstLook(made)
      if (!alive) throw new Error('the connection ended')
      client = made
    } catch (error) {
      void made.end().catch(() => {})
      throw error
    }
  }

  async function connectAgain() {
    while (!ended && !client) {
      await pause(1_000, undefined, { ref: false })
      if (!ended) await connect(lookOrTell).catch(() => {})
    }
  }

  /** It goes on with what it has, and is told by NOTIFY to look again. */
  async function lookOrTell(on: Client) {
    await look(on).catch((error: unknown) => {
      if (!(error instanceof MasterKeyProblem)) throw error
      tell(error)
    })
  }

  await connect(look)
  return async () => {
    ended = true
    await looking
    await client?.end()
  }
}

/**
 * Takes up what there is now: first the locks, so that nobody takes us for somebody who knows more or writes under less, and then the keys.
 * @throws MasterKeyProblem, and then the locks of before are held and the keys of before are in use
 */
async function takeUp(client: Client, provider: KeyProvider, locks: Locks): Promise<void> {
  for (;;) {
    const knows = newestOf(await provider.read())
    await locks.take(client, KNOWS, knows)
    // A version may have come between reading and the lock; whoever made it did not see us then.
    const versions = await provider.read()
    const writes = (await findWrittenVersion()) ?? knows
    await locks.take(client, WRITES, writes)
    const written = await findWrittenKey()
    if (newestOf(versions) !== knows || (written && written.version !== writes)) continue
    // What is in memory still opens what is stored.
    if (!versions.has(writes)) throw new MasterKeyProblem(`Version ${writes} of the master key is missing.`)
    const wrong = written && !areRightKeys(versions, written) ? writes : versionThatDiffers(versions, written?.version)
    if (wrong !== undefined) throw new MasterKeyProblem(anotherKey(provider, wrong))
    useMasterKey(versions, writes)
    return locks.keepOnly(client, [`${KNOWS} ${knows}`, `${WRITES} ${writes}`])
  }
}

function anotherKey({ place }: KeyProvider, version: number): string {
  return `Version ${version} of the master key in ${place} is not the one that this database is sealed under. It was not taken up, and what is in memory goes on. Put the right key back there while this process still runs (npm run import-master-key -- FILE puts it from its copy).`
}

function newestOf(versions: MasterKeyVersions): number {
  if (versions.size === 0) throw new MasterKeyProblem('The master key is missing.')
  return Math.max(...versions.keys())
}

type Locks = ReturnType<typeof locksOf>

/** The locks of one connection, each taken once. */
function locksOf() {
  const held = new Set<string>()
  return {
    async take(client: Client, kind: number, version: number) {
      if (held.has(`${kind} ${version}`)) return
      await client.query('SELECT pg_advisory_lock_shared($1, $2)', [kind, version])
      held.add(`${kind} ${version}`)
    },
    async keepOnly(client: Client, kept: readonly string[]) {
      for (const each of [...held].filter((lock) => !kept.includes(lock))) {
        await client.query('SELECT pg_advisory_unlock_shared($1, $2)', each.split(' '))
        held.delete(each)
      }
    },
  }
}
