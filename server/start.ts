/** Starts everything in order and stops it in the opposite order: database, schema, vault, jobs, and only then the door. */
import { createServer, type Server } from 'node:http'
import { makeApp } from './app.ts'
import { endDrawing } from './attachments/draw.ts'
import { configureFileStore, fileStore } from './attachments/file-store.ts'
import { openFileStore, placeOfFiles } from './attachments/open-file-store.ts'
import { config } from './config.ts'
import { connectDatabase, disconnectDatabase, tryConnection } from './database/connection.ts'
import { startEmbeddedDatabase } from './database/embedded.ts'
import { openDataDir } from './database/embedded-folder.ts'
import { migrate } from './database/migrate.ts'
import { freeStuckJobs } from './jobs/free-stuck-jobs.ts'
import { prepareJobs, startJobs } from './jobs/loop.ts'
import { newId } from './lib/ids.ts'
import { logError, logInfo } from './lib/logger.ts'
import { closeMail } from './mail/send-mail.ts'
import { makeRoomForAccessEvents } from './audit/access-event.store.ts'
import { bindEarlierRows } from './audit/bind-earlier-rows.ts'
import { markWhatIsNew } from './audit/mark-ledger.job.ts'
import { startSequencer } from './audit/sequence-events.ts'
import { followSettings } from './settings/follow-settings.ts'
import { refuseWhenFull } from './sign-in/refuse-when-full.ts'
import { endStretching } from './sign-in/stretch-password.ts'
import { checkInstallation } from './try-out/installation.ts'
import { prepareCast, sayWhereToGo } from './try-out/cast.ts'
import { holdAgainstLedger } from './upkeep/hold-against-ledger.ts'
import type { RestorePlace } from './upkeep/restore-backup.ts'
import { followMasterKey } from './vault/follow-master-key.ts'
import { keyProvider, type KeyProvider } from './vault/key-provider.ts'
import { MasterKeyProblem, useMasterKey } from './vault/master-key.ts'
import { openVault } from './vault/vault.ts'
import { jobs, timetable } from './work.ts'

export interface Running {
  baseUrl: string
  /** Stops listening, lets running requests and jobs end, then stops the database. */
  stop(): Promise<void>
}

/** @param say prints a line for whoever started us */
export async function start(say: (line: string) => void): Promise<Running> {
  const stops: (() => Promise<void> | void)[] = []
  const stop = async () => {
    for (const each of stops.splice(0).reverse())
      await Promise.resolve(each()).catch((error) => logError('Stopping went wrong', error))
  }
  try {
    await openStores(say, stops)
    stops.push(() => markWhatIsNew())
    await prepareJobs()
    await freeStuckJobs()
    const sequencer = startSequencer()
    stops.push(() => sequencer.stop())
    stops.push(endStretching, endDrawing)
    const cast = config().tryOut ? await prepareCast() : []
    const loop = await startJobs(jobs, timetable)
    stops.push(() => loop.stop())
    // A large file on a slow line takes hours; web/keep-pace.ts cuts off what stands still.
    const limits = { maxHeaderSize: 16_384, requestTimeout: 24 * 60 * 60_000, headersTimeout: 30_000 }
    const server = await listen(createServer(limits, refuseWhenFull(makeApp())))
    stops.push(() => close(server))
    if (cast.length > 0) sayWhereToGo(cast, say)
    else sayWhetherCheckpointsLeave(say)
    return { baseUrl: config().baseUrl, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** The database, its schema and the vault: what scripts need too. */
export async function openStores(say: (line: string) => void, stops: (() => Promise<void> | void)[]): Promise<void> {
  const { dataDir, databaseUrl, migrationDatabaseUrl, masterKey } = config()
  const keys = keyProvider(masterKey)
  await openDataDir(dataDir)
  if (databaseUrl) await tryConnection('DATABASE_URL', databaseUrl)
  if (databaseUrl && migrationDatabaseUrl) await tryConnection('MIGRATION_DATABASE_URL', migrationDatabaseUrl)
  const embedded = databaseUrl ? undefined : await startEmbeddedDatabase({ dataDir, say })
  if (embedded) stops.push(() => embedded.stop())
  const applicationUrl = databaseUrl ?? embedded!.applicationUrl
  const run = await migrate(applicationUrl, embedded?.ownerUrl ?? migrationDatabaseUrl)
  if (run.length > 0) logInfo('The schema was changed', { count: run.length })
  connectDatabase(applicationUrl)
  stops.push(disconnectDatabase, closeMail)
  await checkInstallation()
  const { made } = await openVault(keys)
  stops.push(await followMasterKey(keys))
  stops.push(await followSettings())
  if (made) sayWhatIsNew(keys, say)
  await bindEarlierRows()
  await makeRoomForAccessEvents()
  configureFileStore(await openFileStore(config()))
  await holdAgainstLedger(say)
  if (config().s3) await lookForObjectStore(say)
}

/** It may come later: messages can be read and written without it, files cannot. */
async function lookForObjectStore(say: (line: string) => void): Promise<void> {
  await fileStore()
    .size(newId())
    .catch((error: Error) =>
      say(
        `The object store at S3_ENDPOINT cannot be used (${error.message}). Until it can, no file opens or is taken.`,
      ),
    )
}

/** What a superuser of the database does to the log is found only by what they cannot reach. */
function sayWhetherCheckpointsLeave(say: (line: string) => void) {
  const { checkpointFolder, privacyEmail, tryOut } = config()
  if (!tryOut && !checkpointFolder && !privacyEmail)
    say(
      'No checkpoint of the access log leaves this machine. Set CHECKPOINT_FOLDER or PRIVACY_EMAIL (docs/access-log.md).',
    )
}

/** On the first start, and only then. */
function sayWhatIsNew(keys: KeyProvider, say: (line: string) => void) {
  say(
    `The master key is ${keys.place}. Whoever loses it loses the mail: nothing here opens without it, and no backup holds it.`,
  )
  say('Make a copy for the safe before anybody writes: npm run export-master-key -- FILE\n')
}

/** Takes the master key of the settings into use where there is no database yet; it is never made here. */
export async function takeMasterKey(): Promise<KeyProvider> {
  const keys = keyProvider(config().masterKey)
  const versions = await keys.read()
  if (versions.size === 0)
    throw new MasterKeyProblem(
      `The master key is missing: ${keys.place} does not exist or is empty. Put the key back from its safe copy: npm run import-master-key -- FILE`,
    )
  useMasterKey(versions)
  return keys
}

/** An empty place for a backup, as the settings name it. */
export async function openEmptyPlace(
  keys: KeyProvider,
  say: (line: string) => void,
  stops: (() => Promise<void> | void)[],
): Promise<RestorePlace> {
  const { dataDir, databaseUrl, migrationDatabaseUrl } = config()
  await openDataDir(dataDir)
  configureFileStore(await openFileStore(config()))
  const files = placeOfFiles(config())
  if (databaseUrl) {
    if (!migrationDatabaseUrl)
      throw new Error("A restore makes the schema. Set MIGRATION_DATABASE_URL to the owner's role and ask again.")
    await tryConnection('DATABASE_URL', databaseUrl)
    await tryConnection('MIGRATION_DATABASE_URL', migrationDatabaseUrl)
    stops.push(disconnectDatabase)
    return { applicationUrl: databaseUrl, ownerUrl: migrationDatabaseUrl, files, keys }
  }
  const embedded = await startEmbeddedDatabase({ dataDir, say })
  stops.push(() => embedded.stop(), disconnectDatabase)
  return { applicationUrl: embedded.applicationUrl, ownerUrl: embedded.ownerUrl, files, keys }
}

function listen(server: Server): Promise<Server> {
  const { port, host } = config()
  return new Promise((done, fail) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      fail(
        error.code === 'EADDRINUSE'
          ? new Error(`Port ${port} is in use. Stop what runs there, or set PORT to another number.`)
          : error,
      ),
    )
    server.listen(port, host, () => done(server))
  })
}

function close(server: Server): Promise<void> {
  return new Promise((done) => {
    server.close(() => done())
    server.closeIdleConnections()
    setTimeout(() => server.closeAllConnections(), 30_000).unref()
  })
}
