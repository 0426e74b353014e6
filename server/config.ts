/**
 * Every setting: read once, checked once, frozen. The only place that reads the environment.
 * All problems are collected and told together, before anything listens. `.env.example` is written from this table
 * (`scripts/write-env-example.ts`), and a test fails when the two differ.
 */
import { existsSync, readFileSync } from 'node:fs'
import { BlockList, isIP } from 'node:net'
import { join, resolve } from 'node:path'

interface Setting {
  name: string
  /** What it is for, one or two sentences, as `.env.example` shows it. */
  purpose: string
  example: string
  /** Secrets may also be given as a file: `NAME_FILE=/path`. */
  secret?: boolean
  /** Must be set when NODE_ENV is production. */
  production?: 'required'
}

export const settings = [
  {
    name: 'NODE_ENV',
    purpose: 'production for real use. Anything else is a try-out with a fictitious cast, in which no mail leaves.',
    example: 'production',
  },
  {
    name: 'BASE_URL',
    purpose: 'The address that people type and that stands in notices: https, host, no path.',
    example: 'https://messages.example.org',
    production: 'required',
  },
  { name: 'PORT', purpose: 'The port to listen on.', example: '3000' },
  {
    name: 'HOST',
    purpose: 'The address to listen on. Keep the loopback when a TLS proxy runs on the same machine.',
    example: '127.0.0.1',
  },
  {
    name: 'DATA_DIR',
    purpose: 'Where sealed files, the built-in database and the master key rest. Only its owner can read it.',
    example: './.data',
  },
  {
    name: 'DATABASE_URL',
    purpose: "PostgreSQL 15 or later, as the application's role. Without it a built-in PostgreSQL runs under DATA_DIR.",
    example: 'postgres://letterlock_app:PASSWORD@db.example.org/letterlock',
    secret: true,
  },
  {
    name: 'MIGRATION_DATABASE_URL',
    purpose:
      'The same database as its owner. Needed when DATABASE_URL is set and the schema has to be made or changed.',
    example: 'postgres://letterlock_owner:PASSWORD@db.example.org/letterlock',
    secret: true,
  },
  {
    name: 'MASTER_KEY_PROVIDER',
    purpose:
      'Where the master key rests: file (MASTER_KEY_FILE, or DATA_DIR/master.key in a try-out), env (MASTER_KEY itself, which everybody sees who may look into the process) or transit (a key service in the shape of Vault). Without it: what MASTER_KEY_FILE or MASTER_KEY says.',
    example: 'file',
  },
  {
    name: 'MASTER_KEY',
    purpose:
      'The master key (as `npm run make-master-key` prints it). Better: MASTER_KEY_FILE, whose file is made at the first start, and which rotate-master-key can write. Not with MASTER_KEY_PROVIDER=transit. Losing it loses the mail.',
    example: '1:BASE64URL_OF_32_RANDOM_BYTES',
    secret: true,
    production: 'required',
  },
  {
    name: 'LEDGER_FILE',
    purpose:
      'A small file outside the database, best on another disk, that remembers what was erased and what was signed of the access log, so that an older database is recognised. Without a setting it is DATA_DIR/ledger.',
    example: '/srv/letterlock-ledger/ledger',
  },
  {
    name: 'CHECKPOINT_FOLDER',
    purpose:
      'A folder that is there already, on another machine (mounted) or on what cannot be written over: every ten minutes in which something was recorded a signed checkpoint of the access log goes there, by which a changed log is found.',
    example: '/mnt/elsewhere/letterlock-checkpoints',
  },
  {
    name: 'PRIVACY_EMAIL',
    purpose:
      'Who keeps watch over the access log, with a mailbox that whoever runs the database cannot change: a signed checkpoint goes there once a day.',
    example: 'privacy@example.org',
  },
  {
    name: 'WATCH_WEBHOOK_URL',
    purpose:
      'Where to post signed checkpoints of the access log, and that an alarm was raised (which rule and when, and nothing of whom it is about): https, signed as Standard Webhooks 1.0. It comes together with WATCH_WEBHOOK_SECRET.',
    example: 'https://watch.example.org/letterlock',
  },
  {
    name: 'WATCH_WEBHOOK_SECRET',
    purpose: 'What those posts are signed with: whsec_ and 24 to 64 random bytes in base64.',
    example: 'whsec_BASE64_OF_32_RANDOM_BYTES',
    secret: true,
  },
  {
    name: 'WATCH_WEBHOOK_PRIVATE',
    purpose: 'yes, if they may go to an address of a private network or of this machine. Without it they may not.',
    example: 'yes',
  },
  {
    name: 'BACKUP_KEPT_DAYS',
    purpose:
      'Days that you keep backups: 0 to 3650. Certificates of destruction say until when a backup may still hold what was erased.',
    example: '35',
  },
  {
    name: 'TRANSIT_ADDRESS',
    purpose:
      'For MASTER_KEY_PROVIDER=transit: where the key service answers, https and host. What it wrapped rests in the file that MASTER_KEY_FILE names, or DATA_DIR/master.key.wrapped. TRANSIT_ADDRESS, TRANSIT_KEY and TRANSIT_TOKEN come together.',
    example: 'https://vault.example.org:8200',
  },
  { name: 'TRANSIT_MOUNT', purpose: 'Where its transit engine is mounted, when not at transit.', example: 'transit' },
  {
    name: 'TRANSIT_KEY',
    purpose: 'The name of its key, which is for Letterlock alone: rotate-master-key destroys its earlier versions.',
    example: 'letterlock',
  },
  {
    name: 'TRANSIT_TOKEN',
    purpose: 'The token by which the service lets Letterlock use that key. Better: TRANSIT_TOKEN_FILE.',
    example: 'TOKEN_FOR_THIS_KEY',
    secret: true,
  },
  {
    name: 'FILE_STORE',
    purpose:
      'Where new files go: folder (under DATA_DIR) or s3. Files are also read from the other one while its settings are there, so that `npm run move-files` can move them.',
    example: 'folder',
  },
  {
    name: 'S3_ENDPOINT',
    purpose:
      'An S3-compatible store for sealed files: https and host. It gets ciphertext only. S3_ENDPOINT, S3_BUCKET and the two keys come together.',
    example: 'https://s3.example.org',
  },
  {
    name: 'S3_BUCKET',
    purpose: 'The bucket, which has to be there, and is for nothing else.',
    example: 'letterlock-files',
  },
  { name: 'S3_REGION', purpose: 'The region that requests are signed for.', example: 'us-east-1' },
  {
    name: 'S3_ACCESS_KEY_ID',
    purpose: 'The name of a key that may list, read, write and delete in that bucket.',
    example: 'NAME_OF_THIS_KEY',
    secret: true,
  },
  {
    name: 'S3_SECRET_ACCESS_KEY',
    purpose: 'The secret of that key.',
    example: 'SECRET_OF_THIS_KEY',
    secret: true,
  },
  {
    name: 'SMTP_URL',
    purpose: 'The mail server for notices: smtps://, or smtp:// which must offer STARTTLS.',
    example: 'smtps://USER:PASSWORD@mail.example.org',
    secret: true,
    production: 'required',
  },
  {
    name: 'MAIL_FROM',
    purpose: 'The sender address of notices; same domain as BASE_URL.',
    example: 'messages@example.org',
  },
  {
    name: 'ORGANISATION_NAME',
    purpose: 'Your name, as patients know it.',
    example: 'Riverside Clinic',
    production: 'required',
  },
  {
    name: 'ORGANISATION_PHONE',
    purpose: 'The phone number for help, on every page and in every notice.',
    example: '555-0100',
    production: 'required',
  },
  {
    name: 'ORGANISATION_HOURS',
    purpose: 'When that phone is answered.',
    example: 'Monday to Friday, 8 am to 5 pm',
    production: 'required',
  },
  {
    name: 'EMERGENCY_PHONE',
    purpose: 'The number to call in an emergency, shown above every reply.',
    example: '911',
    production: 'required',
  },
  { name: 'TIME_ZONE', purpose: 'The time zone of dates on pages.', example: 'America/New_York' },
  {
    name: 'IDLE_MINUTES',
    purpose: 'Minutes without a click after which a person is signed out: 5 to 60. What they wrote is kept.',
    example: '15',
  },
  {
    name: 'SESSION_HOURS',
    purpose: 'Hours after which a person has to sign in again, however busy they are: 1 to 24.',
    example: '12',
  },
  {
    name: 'HELP_WAITING_HOURS',
    purpose:
      'Hours between the notice that two staff help somebody to a new sign-in and the code for it: 1 to 72. In this time the person can stop it.',
    example: '24',
  },
  {
    name: 'FILE_MEGABYTES',
    purpose: 'Megabytes that one file may have: 1 to 5120 (5 GB). A proxy in front has to let as much through.',
    example: '25',
  },
  { name: 'FILES_PER_MESSAGE', purpose: 'Files that one message may have: 1 to 100.', example: '10' },
  {
    name: 'UNSENT_MEGABYTES',
    purpose:
      'Megabytes of files that one person may have uploaded and not sent yet, in drafts and on the way. Not set, it is twice what one message may hold.',
    example: '500',
  },
  {
    name: 'TRUSTED_PROXIES',
    purpose: 'Addresses of your TLS proxies, separated by commas. Only they may say where a request came from.',
    example: '127.0.0.1',
  },
  {
    name: 'FILE_TYPES',
    purpose:
      'Kinds of files that may be sent, by their usual endings, separated by commas. Programs, scripts, web pages and SVG are never taken.',
    example: 'pdf,jpg,png,gif,webp,heic,tiff,txt,csv,docx,xlsx,pptx,odt,ods,odp,dcm',
  },
  {
    name: 'CLAMD_SOCKET',
    purpose:
      'Where clamd listens, which looks at files for malware before a recipient gets them: a path, or host:port on this machine or a private network. Without it files are not checked, and their page says so to staff.',
    example: '/run/clamav/clamd.ctl',
  },
  {
    name: 'OIDC_ISSUER',
    purpose:
      'Staff sign-on by OpenID Connect: the address of your provider, exactly as its own discovery page says `issuer`. The four settings OIDC_ISSUER to OIDC_NAME come together.',
    example: 'https://login.example.org/realms/clinic',
  },
  { name: 'OIDC_CLIENT_ID', purpose: 'What the provider calls Letterlock.', example: 'letterlock' },
  {
    name: 'OIDC_CLIENT_SECRET',
    purpose: 'The secret that the provider made for Letterlock.',
    example: 'SECRET_OF_THIS_CLIENT',
    secret: true,
  },
  {
    name: 'OIDC_NAME',
    purpose: 'What your staff call that sign-in; it stands on the button.',
    example: 'Riverside account',
  },
  {
    name: 'OIDC_HOSTS',
    purpose:
      'Other hosts on which the provider answers, separated by commas, if any. Letterlock asks no host but the one of OIDC_ISSUER and these.',
    example: 'keys.example.org',
  },
  {
    name: 'OIDC_SECOND_FACTOR_AMR',
    purpose:
      "Values of the claim `amr` by which the provider proves a second factor, separated by commas. Without any, Letterlock's own is always asked.",
    example: 'hwk,otp',
  },
  {
    name: 'OIDC_SECOND_FACTOR_ACR',
    purpose: 'Values of the claim `acr` that prove one likewise.',
    example: 'urn:example:two-factors',
  },
  {
    name: 'LOG_LEVEL',
    purpose: 'How much the log says: error, warn, info or debug. It never holds content.',
    example: 'info',
  },
] as const satisfies readonly Setting[]

type Name = (typeof settings)[number]['name']

export interface Config {
  readonly production: boolean
  readonly tryOut: boolean
  readonly baseUrl: string
  readonly port: number
  readonly host: string
  readonly dataDir: string
  readonly databaseUrl: string | undefined
  readonly migrationDatabaseUrl: string | undefined
  readonly masterKey: MasterKeySettings
  readonly ledgerFile: string
  readonly checkpointFolder: string | undefined
  readonly privacyEmail: string | undefined
  readonly backupKeptDays: number
  readonly watchWebhook: WebhookSettings | undefined
  /** Where new files go. */
  readonly fileStore: 'folder' | 's3'
  readonly s3: S3Settings | undefined
  readonly smtpUrl: string | undefined
  readonly mailFrom: string
  readonly organisation: {
    readonly name: string
    readonly phone: string
    readonly hours: string
    readonly emergencyPhone: string
  }
  readonly timeZone: string
  readonly idleMinutes: number
  readonly sessionHours: number
  readonly helpWaitingHours: number
  readonly files: {
    /** Bytes of one file. */
    readonly bytes: number
    readonly perMessage: number
    /** Bytes that one person may have uploaded and not sent yet. */
    readonly unsentBytes: number
  }
  readonly trustedProxies: readonly string[]
  /** Endings, as FILE_TYPES says them. */
  readonly fileTypes: readonly string[]
  readonly clamdSocket: ScannerSocket | undefined
  readonly signOn: SignOnSettings | undefined
  readonly logLevel: string
}

/** Where signed posts go. */
export interface WebhookSettings {
  readonly url: string
  /** `whsec_` and base64. */
  readonly secret: string
  readonly allowPrivate: boolean
}

/** Where a scanner listens. */
export type ScannerSocket = { readonly path: string } | { readonly host: string; readonly port: number }

/** Where the master key rests. */
export type MasterKeySettings =
  | { readonly provider: 'file'; readonly path: string }
  | { readonly provider: 'env'; readonly text: string }
  | TransitSettings

/** A key service in the shape of Vault's transit engine, and the file of what it wrapped. */
export interface TransitSettings {
  readonly provider: 'transit'
  readonly path: string
  readonly address: string
  readonly mount: string
  readonly key: string
  readonly token: string
}

/** A bucket of an S3-compatible store. */
export interface S3Settings {
  readonly endpoint: string
  readonly bucket: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** The provider by which staff may sign on. */
export interface SignOnSettings {
  /** As URLs are written; compared whole. */
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
  readonly name: string
  /** Host and port, the issuer's own first. */
  readonly hosts: readonly string[]
  /** Claims that prove a second factor; empty when none does. */
  readonly secondFactor: { readonly amr: readonly string[]; readonly acr: readonly string[] }
}

/** Thrown with every problem of the settings at once; `message` is ready to print. */
export class ConfigProblems extends Error {
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(`Letterlock cannot start with these settings:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`)
    this.problems = problems
  }
}

let current: Config | undefined

/** The settings of this process. @throws ConfigProblems */
export function config(): Config {
  return (current ??= readConfig(process.env))
}

/** Reads and checks settings from `env`. @throws ConfigProblems */
export function readConfig(env: Record<string, string | undefined>): Config {
  const problems: string[] = []
  const given = (name: Name) => readSetting(env, name, problems)
  const production = readEnvironment(given('NODE_ENV'), problems) === 'production'
  if (production) refuseOpenOptions([...process.execArgv, ...(env['NODE_OPTIONS'] ?? '').split(/\s+/)], problems)

  for (const setting of settings as readonly Setting[]) {
    const value = given(setting.name as Name)
    if (
      production &&
      setting.production === 'required' &&
      !value &&
      !(setting.name === 'MASTER_KEY' && restsElsewhere(env))
    )
      problems.push(
        `${setting.name}${setting.secret ? ` (or ${setting.name}_FILE)` : ''} is missing. ${setting.purpose}`,
      )
    if (production && setting.secret && value && looksLikeAnExample(value, setting.example))
      problems.push(`${setting.name} still holds the example's secret. Put in your own.`)
  }

  const port = integer('PORT', given('PORT') ?? '3000', 1, 65535, problems)
  const read: Config = {
    production,
    tryOut: !production,
    baseUrl: readBaseUrl(given('BASE_URL'), port, production, problems),
    port,
    host: given('HOST') ?? '127.0.0.1',
    dataDir: resolve(given('DATA_DIR') ?? './.data'),
    databaseUrl: readDatabaseUrl('DATABASE_URL', given, problems),
    migrationDatabaseUrl: readDatabaseUrl('MIGRATION_DATABASE_URL', given, problems),
    masterKey: readMasterKey(env, given, problems),
    ledgerFile: resolve(given('LEDGER_FILE') ?? join(given('DATA_DIR') ?? './.data', 'ledger')),
    checkpointFolder: given('CHECKPOINT_FOLDER') && resolve(given('CHECKPOINT_FOLDER')!),
    privacyEmail: readEmail('PRIVACY_EMAIL', given('PRIVACY_EMAIL'), problems),
    backupKeptDays: integer('BACKUP_KEPT_DAYS', given('BACKUP_KEPT_DAYS') ?? '35', 0, 3650, problems),
    watchWebhook: readWatchWebhook(given, problems),
    fileStore: readFileStore(given, problems),
    s3: readS3(given, problems),
    smtpUrl: readSmtpUrl(given('SMTP_URL'), production, problems),
    mailFrom: given('MAIL_FROM') ?? `messages@${hostOf(given('BASE_URL')) ?? 'letterlock.example'}`,
    // Real use is refused without these, so what is made up here is the try-out's alone.
    organisation: Object.freeze({
      name: given('ORGANISATION_NAME') ?? 'Riverside Clinic',
      phone: given('ORGANISATION_PHONE') ?? '555-0100',
      hours: given('ORGANISATION_HOURS') ?? 'Monday to Friday, 8 am to 5 pm',
      emergencyPhone: given('EMERGENCY_PHONE') ?? '911',
    }),
    timeZone: readTimeZone(given('TIME_ZONE'), problems),
    idleMinutes: integer('IDLE_MINUTES', given('IDLE_MINUTES') ?? '15', 5, 60, problems),
    sessionHours: integer('SESSION_HOURS', given('SESSION_HOURS') ?? '12', 1, 24, problems),
    helpWaitingHours: integer('HELP_WAITING_HOURS', given('HELP_WAITING_HOURS') ?? '24', 1, 72, problems),
    files: readFileLimits(given, problems),
    trustedProxies: listed(given('TRUSTED_PROXIES')),
    fileTypes: readFileTypes(given('FILE_TYPES'), problems),
    clamdSocket: readClamdSocket(given('CLAMD_SOCKET'), problems),
    signOn: readSignOn(given, problems),
    logLevel: given('LOG_LEVEL') ?? (production ? 'info' : 'warn'),
  }
  if (!['error', 'warn', 'info', 'debug'].includes(read.logLevel))
    problems.push(`LOG_LEVEL is error, warn, info or debug, not "${read.logLevel}".`)
  for (const name of Object.keys(env))
    if (/^(AUDIT|ACCESS_LOG)/.test(name))
      problems.push(`${name} is set, but the access log cannot be switched off. Remove the setting.`)
  if (problems.length > 0) throw new ConfigProblems([...new Set(problems)])
  return Object.freeze(read)
}

function readSetting(env: Record<string, string | undefined>, name: Name, problems: string[]): string | undefined {
  const direct = env[name]?.trim()
  const setting = (settings as readonly Setting[]).find((each) => each.name === name)
  const file = setting?.secret ? env[`${name}_FILE`]?.trim() : undefined
  if (!file || (name === 'MASTER_KEY' && restsElsewhere(env))) return direct || undefined
  try {
    return readFileSync(file, 'utf8').trim() || undefined
  } catch {
    problems.push(`${name}_FILE names a file that cannot be read: ${file}`)
    return undefined
  }
}

function looksLikeAnExample(value: string, example: string) {
  return value === example || /PASSWORD@|change-?me|BASE64(URL)?_OF/i.test(value)
}

/** A misspelt `production` would start a try-out where real people are expected. */
function readEnvironment(value: string | undefined, problems: string[]): string | undefined {
  if (value && !['production', 'development', 'test'].includes(value))
    problems.push(`NODE_ENV is production, development or test, or not set, and not "${value}".`)
  return value
}

const TRY_OUT_REACHED =
  'A try-out with known passwords would stand on the internet. For real use set NODE_ENV=production.'

function readBaseUrl(value: string | undefined, port: number, production: boolean, problems: string[]): string {
  if (!value) return `http://localhost:${port}`
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (!url || url.pathname !== '/' || url.search || url.hash || url.username) {
    problems.push(`BASE_URL must be an address like https://messages.example.org, without a path: "${value}" is not.`)
    return value
  }
  const loopback = isLoopbackHost(url.hostname)
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && loopback))
    problems.push('BASE_URL must begin with https://. Plain http works on localhost only.')
  else if (!production && !loopback) problems.push(`BASE_URL is not this machine itself. ${TRY_OUT_REACHED}`)
  if (production && url.hostname.endsWith('example.org'))
    problems.push('BASE_URL still holds the example. Put in your own.')
  return url.origin
}

/** Whether a host name (without port) is this machine itself, where browsers treat plain http as secure. */
export function isLoopbackHost(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || hostname === '::1' || /^127(\.\d{1,3}){3}$/.test(hostname)
}

function readDatabaseUrl(name: Name, given: (name: Name) => string | undefined, problems: string[]) {
  const value = given(name)
  if (value && !(/^postgres(ql)?:\/\/[^\s]+$/.test(value) && URL.canParse(value)))
    problems.push(`${name} must be like postgres://letterlock_app:PASSWORD@host/letterlock.`)
  return value
}

/** One line of the master key's text form: its version, and 32 bytes in base64url. */
export const MASTER_KEY_LINE = /^(\d{1,9}):([A-Za-z0-9_-]{43})$/

/** Whether there is no key to be read here yet: a key service has it, or the first start makes its file. */
function restsElsewhere(env: Record<string, string | undefined>): boolean {
  const file = env['MASTER_KEY_FILE']?.trim()
  return env['MASTER_KEY_PROVIDER']?.trim() === 'transit' || (file !== undefined && file !== '' && !existsSync(file))
}

/** A key in a setting is there because somebody chose to put it there; nothing but that choice reads it from one. */
function readMasterKey(
  env: Record<string, string | undefined>,
  given: (name: Name) => string | undefined,
  problems: string[],
): MasterKeySettings {
  const file = env['MASTER_KEY_FILE']?.trim()
  const direct = env['MASTER_KEY']?.trim()
  const provider = given('MASTER_KEY_PROVIDER') ?? (direct && !file ? 'env' : 'file')
  const dataDir = resolve(given('DATA_DIR') ?? './.data')
  if (provider === 'transit')
    return readTransit(file ? resolve(file) : join(dataDir, 'master.key.wrapped'), given, problems)
  if (given('TRANSIT_ADDRESS')) problems.push('TRANSIT_ADDRESS is set, but MASTER_KEY_PROVIDER is not transit.')
  if (!['file', 'env'].includes(provider))
    problems.push(`MASTER_KEY_PROVIDER is file, env or transit, not "${provider}".`)
  if (provider === 'env') {
    if (!direct) problems.push('MASTER_KEY_PROVIDER is env, but MASTER_KEY is not set.')
    else refuseNoKey(direct, problems)
    return Object.freeze({ provider, text: direct ?? '' })
  }
  if (direct && !file)
    problems.push('MASTER_KEY_PROVIDER is file, but the key stands in MASTER_KEY. Name its file in MASTER_KEY_FILE.')
  const content = file ? given('MASTER_KEY') : undefined
  if (content && content !== direct) refuseNoKey(content, problems)
  return Object.freeze({ provider: 'file', path: file ? resolve(file) : join(dataDir, 'master.key') })
}

function refuseNoKey(text: string, problems: string[]) {
  if (!/BASE64URL_OF/.test(text) && !text.split(/\s+/).every((line) => MASTER_KEY_LINE.test(line)))
    problems.push(
      'MASTER_KEY (or the file that MASTER_KEY_FILE names) must be a line such as 1:… with 32 bytes in base64url, as `npm run make-master-key` prints it. Check that it is whole.',
    )
}

const TRANSIT = ['TRANSIT_ADDRESS', 'TRANSIT_KEY', 'TRANSIT_TOKEN'] as const

function readTransit(path: string, given: (name: Name) => string | undefined, problems: string[]): TransitSettings {
  const missing = TRANSIT.filter((name) => !given(name))
  if (missing.length > 0)
    problems.push(
      `MASTER_KEY_PROVIDER is transit, but ${missing.join(', ')} ${missing.length > 1 ? 'are' : 'is'} missing.`,
    )
  if (given('MASTER_KEY')) problems.push('MASTER_KEY_PROVIDER is transit, but MASTER_KEY holds a key. Remove it.')
  const address = given('TRANSIT_ADDRESS') ?? ''
  const url = URL.canParse(address) ? new URL(address) : undefined
  if (address && (!url || url.pathname !== '/' || url.search || url.hash || url.username))
    problems.push('TRANSIT_ADDRESS must be an address like https://vault.example.org:8200, without a path.')
  else if (url && url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopbackHost(url.hostname)))
    problems.push('TRANSIT_ADDRESS must begin with https://. Plain http works on localhost only.')
  const mount = given('TRANSIT_MOUNT') ?? 'transit'
  const key = given('TRANSIT_KEY') ?? ''
  if (!/^[\w-]+(\/[\w-]+)*$/.test(mount)) problems.push('TRANSIT_MOUNT is a path such as transit.')
  if (key && !/^[\w.-]+$/.test(key)) problems.push('TRANSIT_KEY is a name such as letterlock.')
  return Object.freeze({
    provider: 'transit',
    path,
    address: url?.origin ?? address,
    mount,
    key,
    token: given('TRANSIT_TOKEN') ?? '',
  })
}

function readSmtpUrl(value: string | undefined, production: boolean, problems: string[]): string | undefined {
  if (value && !/^smtps?:\/\/[^\s]+$/.test(value))
    problems.push('SMTP_URL must be like smtps://USER:PASSWORD@mail.your-domain.')
  else if (value && !production) problems.push(`SMTP_URL is set, but no mail leaves a try-out. ${TRY_OUT_REACHED}`)
  return value
}

function readEmail(name: Name, value: string | undefined, problems: string[]): string | undefined {
  if (value && !/^[^\s@,<>"]+@[^\s@,<>"]+$/.test(value))
    problems.push(`${name} must be one e-mail address: "${value}" is not.`)
  return value
}

function readTimeZone(value: string | undefined, problems: string[]): string {
  const zone = value ?? 'UTC'
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
  } catch {
    problems.push(`TIME_ZONE "${zone}" is not known. Use a name such as America/New_York.`)
  }
  return zone
}

/** What may be allowed at all, and is unless the settings say less. */
const FILE_TYPES = 'pdf jpg png gif webp heic tiff txt csv docx xlsx pptx odt ods odp dcm'.split(' ')

function readFileTypes(value: string | undefined, problems: string[]): readonly string[] {
  const types = listed(value ?? FILE_TYPES.join(',')).map((type) => type.toLowerCase().replace(/^\./, ''))
  for (const type of types)
    if (!FILE_TYPES.includes(type))
      problems.push(`FILE_TYPES holds "${type}". What may be sent is among: ${FILE_TYPES.join(', ')}.`)
  return Object.freeze(types)
}

/** Files go there as they are, so it is never beyond a network of one's own. */
function readClamdSocket(value: string | undefined, problems: string[]): ScannerSocket | undefined {
  if (!value) return undefined
  if (value.startsWith('/')) return Object.freeze({ path: value })
  const [, host = '', port = ''] = /^\[?([a-z0-9.:]+?)\]?:(\d{1,5})$/i.exec(value) ?? []
  const near = host === 'localhost' || (isIP(host) > 0 && OWN_NETWORKS.check(host, isIP(host) === 6 ? 'ipv6' : 'ipv4'))
  if (!near || Number(port) < 1 || Number(port) > 65535)
    problems.push(
      `CLAMD_SOCKET must be a path such as /run/clamav/clamd.ctl, or localhost:3310, or another address of a private network, because files go there unsealed: "${value}" is not.`,
    )
  return Object.freeze({ host, port: Number(port) })
}

const OWN_NETWORKS = new BlockList()
for (const [address, bits] of [
  ['127.0.0.0', 8],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const)
  OWN_NETWORKS.addSubnet(address, bits)
for (const [address, bits] of [
  ['::1', 128],
  ['fc00::', 7],
] as const)
  OWN_NETWORKS.addSubnet(address, bits, 'ipv6')

const MEGABYTE = 1024 * 1024

function readFileLimits(given: (name: Name) => string | undefined, problems: string[]): Config['files'] {
  const megabytes = integer('FILE_MEGABYTES', given('FILE_MEGABYTES') ?? '25', 1, 5120, problems)
  const perMessage = integer('FILES_PER_MESSAGE', given('FILES_PER_MESSAGE') ?? '10', 1, 100, problems)
  const unsent = given('UNSENT_MEGABYTES') ?? String(2 * megabytes * perMessage)
  const unsentBytes = integer('UNSENT_MEGABYTES', unsent, megabytes, 1024 * MEGABYTE, problems) * MEGABYTE
  return Object.freeze({ bytes: megabytes * MEGABYTE, perMessage, unsentBytes })
}

const WATCH_WEBHOOK = ['WATCH_WEBHOOK_URL', 'WATCH_WEBHOOK_SECRET'] as const

function readWatchWebhook(given: (name: Name) => string | undefined, problems: string[]): WebhookSettings | undefined {
  const [address, secret] = WATCH_WEBHOOK.map(given)
  const allow = given('WATCH_WEBHOOK_PRIVATE')
  if (allow && allow !== 'yes') problems.push(`WATCH_WEBHOOK_PRIVATE is yes or not set, and not "${allow}".`)
  if (!address && !secret) return undefined
  if (!address || !secret) {
    problems.push(
      `The webhook for whoever keeps watch is half set up. ${address ? WATCH_WEBHOOK[1] : WATCH_WEBHOOK[0]} is missing.`,
    )
    return undefined
  }
  const url = URL.canParse(address) ? new URL(address) : undefined
  if (!url || url.hash || url.username || url.password)
    problems.push(
      'WATCH_WEBHOOK_URL must be an address like https://watch.example.org/letterlock, without name or password.',
    )
  else if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopbackHost(url.hostname)))
    problems.push('WATCH_WEBHOOK_URL must begin with https://. Plain http works on localhost only.')
  const bytes = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret)?.[1]
  const length = bytes ? Buffer.from(bytes, 'base64').length : 0
  if (length < 24 || length > 64) problems.push('WATCH_WEBHOOK_SECRET is whsec_ and 24 to 64 random bytes in base64.')
  return Object.freeze({ url: url?.href ?? address, secret, allowPrivate: allow === 'yes' })
}

const SIGN_ON = ['OIDC_ISSUER', 'OIDC_CLIENT_ID', 'OIDC_CLIENT_SECRET', 'OIDC_NAME'] as const
const SIGN_ON_MORE = ['OIDC_HOSTS', 'OIDC_SECOND_FACTOR_AMR', 'OIDC_SECOND_FACTOR_ACR'] as const

/** Half of it would be a button that leads nowhere. */
const S3 = ['S3_ENDPOINT', 'S3_BUCKET', 'S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY'] as const

/** Options of Node that let others see what is in the memory of the server. */
const OPEN = /^['"]?--(inspect|debug|cpu[-_]prof|heap[-_]prof|heapsnapshot|report[-_]|abort[-_]on[-_]uncaught|prof\b)/

function refuseOpenOptions(options: readonly string[], problems: string[]) {
  for (const option of options.filter((each) => OPEN.test(each)))
    problems.push(
      `The option ${option.split('=')[0]} lets others see what is in the server's memory, where keys are. Start it without.`,
    )
}

function readFileStore(given: (name: Name) => string | undefined, problems: string[]): Config['fileStore'] {
  const value = given('FILE_STORE') ?? 'folder'
  if (value !== 'folder' && value !== 's3') problems.push(`FILE_STORE is folder or s3, not "${value}".`)
  if (value === 's3' && !S3.some(given)) problems.push(`FILE_STORE is s3, but ${S3.join(', ')} are missing.`)
  return value === 's3' ? 's3' : 'folder'
}

function readS3(given: (name: Name) => string | undefined, problems: string[]): S3Settings | undefined {
  const [endpoint, bucket, accessKeyId, secretAccessKey] = S3.map(given)
  if (!S3.some(given) && !given('S3_REGION')) return undefined
  if (!endpoint || !bucket || !accessKeyId || !secretAccessKey) {
    const missing = S3.filter((each) => !given(each))
    problems.push(
      `The object store is half set up. ${missing.join(', ')} ${missing.length > 1 ? 'are' : 'is'} missing.`,
    )
    return undefined
  }
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined
  if (!url || url.pathname !== '/' || url.search || url.hash || url.username)
    problems.push('S3_ENDPOINT must be an address like https://s3.example.org, without path, name or password.')
  else if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopbackHost(url.hostname)))
    problems.push('S3_ENDPOINT must begin with https://. Plain http works on localhost only.')
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket))
    problems.push(
      `S3_BUCKET is the name of a bucket: 3 to 63 small letters, digits, dots and hyphens, not "${bucket}".`,
    )
  const region = given('S3_REGION') ?? 'us-east-1'
  if (!/^[a-z0-9-]{1,40}$/.test(region)) problems.push(`S3_REGION is a name like us-east-1, not "${region}".`)
  return Object.freeze({ endpoint, bucket, region, accessKeyId, secretAccessKey })
}

function readSignOn(given: (name: Name) => string | undefined, problems: string[]): SignOnSettings | undefined {
  const [issuer, clientId, clientSecret, name] = SIGN_ON.map(given)
  if (![...SIGN_ON, ...SIGN_ON_MORE].some(given)) return undefined
  if (!issuer || !clientId || !clientSecret || !name) {
    const missing = SIGN_ON.filter((each) => !given(each))
    problems.push(`Staff sign-on is half set up. ${missing.join(', ')} ${missing.length > 1 ? 'are' : 'is'} missing.`)
    return undefined
  }
  const url = readIssuer(issuer, problems)
  if (!/^[^\p{C}]{1,40}$/u.test(name)) problems.push('OIDC_NAME has 1 to 40 characters, because it stands on a button.')
  const hosts = listed(given('OIDC_HOSTS')).map((host) => host.toLowerCase())
  for (const host of hosts)
    if (!/^[a-z0-9.-]+(:\d+)?$/.test(host))
      problems.push(`OIDC_HOSTS holds names of hosts such as keys.example.org, and not "${host}".`)
  const amr = listed(given('OIDC_SECOND_FACTOR_AMR'))
  for (const value of amr) {
    const why = NO_SECOND_FACTOR[value]
    if (why) problems.push(`OIDC_SECOND_FACTOR_AMR holds "${value}", which is no second factor here: ${why}.`)
  }
  return Object.freeze({
    issuer: url?.href ?? issuer,
    clientId,
    clientSecret,
    name,
    hosts: [...(url ? [url.host] : []), ...hosts],
    secondFactor: { amr, acr: listed(given('OIDC_SECOND_FACTOR_ACR')) },
  })
}

function readIssuer(value: string, problems: string[]): URL | undefined {
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (!url || url.search || url.hash || url.username) {
    problems.push(`OIDC_ISSUER must be an address like https://login.example.org/realms/clinic: "${value}" is not.`)
    return undefined
  }
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopbackHost(url.hostname)))
    problems.push('OIDC_ISSUER must begin with https://. Plain http works on localhost only.')
  return url
}

const KNOWN = 'our password is something that one knows already'
const NO_FACTOR = 'it says nothing of what the person has or is'
const BY_PHONE = 'others can read what goes over the telephone network'
/** Of the values of RFC 8176, those that add nothing to a password. */
const NO_SECOND_FACTOR: Record<string, string> = {
  ...Object.fromEntries(['pwd', 'pin', 'kba'].map((value) => [value, KNOWN])),
  ...Object.fromEntries(['geo', 'rba', 'user', 'mca', 'wia'].map((value) => [value, NO_FACTOR])),
  ...Object.fromEntries(['sms', 'tel'].map((value) => [value, BY_PHONE])),
}

function listed(value = ''): string[] {
  return value
    .split(',')
    .map((each) => each.trim())
    .filter(Boolean)
}

function hostOf(baseUrl: string | undefined): string | undefined {
  return baseUrl && URL.canParse(baseUrl) ? new URL(baseUrl).hostname : undefined
}

function integer(name: Name, value: string, least: number, greatest: number, problems: string[]): number {
  const number = Number(value)
  if (!Number.isInteger(number) || number < least || number > greatest)
    problems.push(`${name} must be a whole number from ${least} to ${greatest}, not "${value}".`)
  return number
}

/** The text of `.env.example`. */
export function envExample(): string {
  const lines = (settings as readonly Setting[]).map(({ name, purpose, example, secret, production }) =>
    [
      `# ${purpose}`,
      `#${production ? ' Required in production.' : ''}${secret ? ` A secret: ${name}_FILE=/path works too.` : ''}`.trimEnd(),
      `#${name}=${example}`,
    ]
      .filter((line) => line !== '#')
      .join('\n'),
  )
  return `# Letterlock's settings. Without any it is a try-out. Export those that you change, or start with: node --env-file=.env dist/server/main.js\n\n${lines.join('\n\n')}\n`
}
