/**
 * Restore: a backup into an empty place, whole or not at all. The place is marked first and the mark goes last, so that whatever is cut off in
 * between is recognised and can only be begun again. Rows come in one transaction; the schema is made as the backup's database had it, and
 * brought forward afterwards.
 */
import { connectDatabase, inTransaction, singleConnection } from '../database/connection.ts'
import { migrateForRestore } from '../database/migrate.ts'
import { system } from '../audit/actor.ts'
import { record, type AccessEvent } from '../audit/record.ts'
import { prepareJobs } from '../jobs/loop.ts'
import type { KeyProvider } from '../vault/key-provider.ts'
import { openVault } from '../vault/vault.ts'
import { findAffected, type AffectedMessage } from './affected-messages.ts'
import { endOneTimeThings } from './end-one-time-things.ts'
import { loadBackup, type Loaded, type Loading } from './load-backup.ts'
import type { OpenedBackup } from './read-backup.ts'
import { emptyTarget, leaveTarget, takeTarget } from './restore-target.ts'
import { finishTables, prepareTables } from './restore-rows.ts'
import { endRotations } from './rotation.store.ts'

/** Where to: the database by its two roles. The store of files is the one that this process uses; `files` says where that is. */
export interface RestorePlace {
  applicationUrl: string
  ownerUrl: string
  files: string
  /** The master key, which is in use already. */
  keys: KeyProvider
}

export interface Restored {
  backup: OpenedBackup['manifest']
  loaded: Loaded
  /** What is not as it was; empty unless that was agreed to. */
  affected: AffectedMessage[]
  /** Changes of the master key that were under way, and end here. */
  rotationsEnded: number
}

/** The backup is not whole, and nobody agreed to go on without what is damaged. The place is empty again. */
export class DamagedBackup extends Error {
  readonly affected: AffectedMessage[]
  readonly loaded: Loaded
  constructor(affected: AffectedMessage[], loaded: Loaded) {
    super('This backup is not whole. Nothing was restored.')
    this.affected = affected
    this.loaded = loaded
  }
}

/** @throws DamagedBackup; Error with a sentence */
export async function restoreBackup(
  backup: OpenedBackup,
  place: RestorePlace,
  withoutDamaged: boolean,
  tell: (loading: Loading) => void,
  now = new Date(),
): Promise<Restored> {
  const { manifest } = backup
  const owner = await singleConnection(place.ownerUrl)
  try {
    await takeTarget(owner, place.files)
    await migrateForRestore(place.applicationUrl, place.ownerUrl, manifest.migrations)
    connectDatabase(place.applicationUrl)
    await prepareJobs()
    await owner.query('BEGIN')
    const keys = await prepareTables(owner, manifest)
    const loaded = await loadBackup(owner, backup, tell)
    refuseWithoutKeys(loaded)
    const affected = await findAffected(owner, loaded, keys, manifest.tables)
    if (!withoutDamaged && (affected.length > 0 || isDamaged(loaded))) {
      await owner.query('ROLLBACK')
      await emptyTarget(owner)
      throw new DamagedBackup(affected, loaded)
    }
    await finishTables(owner, keys)
    await owner.query('COMMIT')
    await migrateForRestore(place.applicationUrl, place.ownerUrl)
    await openVault(place.keys)
    const rotationsEnded = await inTransaction(async (transaction) => {
      await endOneTimeThings(now, transaction)
      await record(system, eventsOf(manifest.id, affected), transaction, now)
      // A copy beside the original would otherwise destroy a version of the key that the original still needs.
      return endRotations(now, transaction)
    })
    await leaveTarget(owner)
    return { backup: manifest, loaded, affected, rotationsEnded }
  } finally {
    await owner.end()
  }
}

/** What the log says: that it was restored, that nobody is signed in any more, and which messages are not what they were. */
function eventsOf(backupId: string, affected: readonly AffectedMessage[]): AccessEvent[] {
  return [
    { act: 'backup.restored', subject: { kind: 'backup', id: backupId } },
    { act: 'session.ended', reason: 'all' },
    ...affected.map(({ id, lacks }) => ({
      act: 'envelope.refused' as const,
      outcome: 'failed' as const,
      subject: { kind: 'message' as const, id },
      reason: lacks === 'file' ? ('file-gone' as const) : ('not-as-sealed' as const),
    })),
  ]
}

function isDamaged({ contents, damagedTables, damagedFiles, gaps }: Loaded): boolean {
  return !contents || damagedTables.length > 0 || damagedFiles.length > 0 || gaps > 0
}

/** Without these nothing that is left would open. */
function refuseWithoutKeys({ damagedTables }: Loaded) {
  const needed = damagedTables.find((name) => ['vault_keys', 'installation'].includes(name))
  if (needed)
    throw new Error(
      `The keys of the installation are in the part of this backup that is damaged (${needed}). Nothing of it would open; take another backup.`,
    )
}
