/** The recovery dial, from managed to sealed and through an emergency, on one running server with the scripts beside it. */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { KeyProvider } from '../../server/vault/key-provider.ts'
import { mailsTo } from '../support/letters.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { bareEnvironment } from '../support/template.ts'
import { plain, signedIn, Visitor } from '../support/visitor.ts'
import { until } from '../support/until.ts'
import { newPatient, nothingUnderWay, resetByApp, type Patient } from '../sign-in/way-back.ts'

let server: TestServer
let dana: Visitor
let folder: string
let provider: KeyProvider
/** The recovery key itself: with it a test goes back to managed mode, which the product cannot. */
let recoveryKey: Buffer

before(async () => {
  server = await startTestServer()
  dana = await signedIn(server, server.cast.dana)
  folder = join(server.dataDir, '../shares')
  const { keyProvider } = await import('../../server/vault/key-provider.ts')
  const { recoveryKeyPair } = await import('../../server/vault/vault.ts')
  provider = keyProvider({ provider: 'file', path: join(server.dataDir, 'master.key') })
  recoveryKey = (await recoveryKeyPair()).privateKey
})
after(() => server.stop())

const script = (name: string) => fileURLToPath(new URL(`../../scripts/${name}.js`, import.meta.url))
const environment = () => ({
  ...bareEnvironment(),
  DATA_DIR: server.dataDir,
  PORT: String(server.port),
  LOG_LEVEL: 'error',
})

function run(name: string, ...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((done) => {
    execFile(process.execPath, [script(name), ...args], { env: environment() }, (error, out, err) =>
      done({ code: error ? Number((error as { code?: number }).code ?? -1) : 0, out, err }),
    )
  })
}

async function keptOnServer(): Promise<Buffer | null> {
  const [row] = await server.sql<{ key: Buffer | null }>(
    `SELECT key_wrapped AS key FROM vault_keys WHERE name = 'recovery'`,
  )
  return row!.key
}

async function backToManaged() {
  const { sealUnderMaster } = await import('../../server/vault/master-key.ts')
  const wrap = sealUnderMaster('keys', 'key/recovery', recoveryKey)
  await server.sql(`UPDATE vault_keys SET key_wrapped = $1 WHERE name = 'recovery'`, [wrap])
}

const versionsInFile = async () => [...(await provider.read()).keys()]

/** With what the server has now: every version of the master key, under whatever version the bytes say that they are. */
async function opensHere(wrap: Buffer): Promise<boolean> {
  const { masterVersionHead, masterVersions, unsealUnderMaster } = await import('../../server/vault/master-key.ts')
  await until(
    async () => JSON.stringify(masterVersions()) === JSON.stringify(await versionsInFile()),
    'the running server has the versions of the file',
  )
  return [
    wrap,
    ...masterVersions().map((version) => Buffer.concat([masterVersionHead(version), wrap.subarray(4)])),
  ].some((each) => {
    try {
      return unsealUnderMaster('keys', 'key/recovery', each).equals(recoveryKey)
    } catch {
      return false
    }
  })
}

/** Whether the shares in a folder give the recovery key, by the product's own reading of them. */
async function isWhole(where: string): Promise<boolean> {
  const { readShare } = await import('../../server/upkeep/recovery-share.ts')
  const { combineShares } = await import('../../server/vault/shares.ts')
  const { recoveryKeyPairOf } = await import('../../server/vault/vault.ts')
  const shares = filesIn(where).flatMap((file) => readShare(readFileSync(file, 'utf8')) ?? [])
  for (const set of new Set(shares.map((share) => share.set))) {
    const three = shares.filter((share) => share.set === set).slice(0, 3)
    if (three.length === 3 && recoveryKeyPairOf(await combineShares(three.map(({ secret }) => secret)))) return true
  }
  return false
}

function filesIn(where: string): string[] {
  return (existsSync(where) ? readdirSync(where) : [])
    .filter((name) => name.endsWith('.txt'))
    .sort()
    .map((name) => join(where, name))
}

async function refusals(reason: string): Promise<number> {
  const { unsealField } = await import('../../server/vault/vault.ts')
  const rows = await server.sql<{ id: string; details_sealed: Buffer }>(
    `SELECT id, details_sealed FROM access_events WHERE act = 'recovery-key.refused' AND outcome = 'denied'`,
  )
  const details = rows.map(({ id, details_sealed }) => unsealField(`access-event/${id}`, details_sealed))
  return details.filter((each) => (JSON.parse(each) as { reason: string }).reason === reason).length
}

describe('npm run seal-recovery', () => {
  test('refuses what makes no sense, what nobody confirmed, and a folder that is backed up; nothing is changed', async () => {
    const odd = [
      { shares: 5, needed: 6 },
      { shares: 5, needed: 1 },
      { shares: 1, needed: 1 },
      { shares: 17, needed: 3 },
      { shares: NaN, needed: NaN },
    ]
    const { sealRecovery } = await import('../../server/upkeep/seal-recovery.ts')
    const before = await keptOnServer()
    for (const numbers of odd)
      await assert.rejects(
        sealRecovery(
          { ...numbers, folder },
          provider,
          () => {},
          () => Promise.resolve(true),
        ),
        /2 to \d+: --/,
      )
    for (const where of ['', server.dataDir, join(server.dataDir, 'shares')])
      await assert.rejects(
        sealRecovery(
          { shares: 5, needed: 3, folder: where },
          provider,
          () => {},
          () => Promise.resolve(true),
        ),
        /Say where|outside of DATA_DIR/,
      )
    const unasked = await run('seal-recovery', '--shares', '5', '--needed', '3', '--to', folder)
    assert.equal(unasked.code, 1)
    assert.match(unasked.out, /cannot be undone/, 'what it means is said before')
    assert.match(unasked.out, /0 backups on record open then only with a copy .* npm run export-master-key makes/)
    assert.match(unasked.err, /Add --yes .* Nothing was changed\./)
    assert.deepEqual([await keptOnServer(), await versionsInFile()], [before, [1]])
    assert.deepEqual(filesIn(folder), [])
  })

  test('stopped after any of its lines and asked again, the server or a whole set of shares has the key, always, and the old version goes', async () => {
    const { sealRecovery } = await import('../../server/upkeep/seal-recovery.ts')
    const where = join(server.dataDir, '../stopped')
    const before = (await keptOnServer())!
    class Stopped extends Error {}
    let stopAt = 1
    let stops = 0
    for (;;) {
      let lines = 0
      const say = () => {
        if (++lines === stopAt) throw new Stopped()
      }
      const sealing = { shares: 5, needed: 3, folder: where }
      const stopped = await sealRecovery(sealing, provider, say, () => Promise.resolve(true)).then(
        () => false,
        (error: unknown) => {
          if (!(error instanceof Stopped)) throw error
          return true
        },
      )
      const kept = await keptOnServer()
      assert.ok(kept ?? (await isWhole(where)), `stopped at line ${stopAt}`)
      if (!stopped) break
      stops++
      // Once the key is off, what is left begins with another line.
      stopAt = !kept && stopAt > 8 ? 1 : stopAt + 1
    }
    assert.ok(stops > 12, `${stops} stops`)
    assert.deepEqual(await versionsInFile(), [2])
    assert.equal(await opensHere(before), false)
    await backToManaged()
    rmSync(where, { recursive: true })
  })

  test('killed while it says any of three lines: the same, and asked again it goes on with the whole set that it finds', async () => {
    const where = join(server.dataDir, '../killed')
    const [before] = await versionsInFile()
    for (const line of ['-2-of-5.txt', 'Every 3 of the 5', 'off the server. Running']) {
      const args = [script('seal-recovery'), '--shares', '5', '--needed', '3', '--to', where, '--yes']
      const child = spawn(process.execPath, args, { env: environment(), stdio: ['ignore', 'pipe', 'inherit'] })
      let said = ''
      child.stdout.on('data', (chunk: Buffer) => {
        said += chunk.toString()
        if (said.includes(line)) child.kill('SIGKILL')
      })
      await once(child, 'exit')
      assert.ok(said.includes(line), said)
      assert.ok((await keptOnServer()) ?? (await isWhole(where)), line)
    }
    const whole = filesIn(where)
    assert.equal(whole.length, 5)
    const again = await run('seal-recovery', '--shares', '5', '--needed', '3', '--to', where, '--yes')
    assert.equal(again.code, 0, again.err)
    assert.deepEqual(filesIn(where), whole, 'no second set')
    assert.equal(await keptOnServer(), null)
    assert.deepEqual(await versionsInFile(), [before! + 1], 'the rotation goes on where it was killed')
    await backToManaged()
    rmSync(where, { recursive: true })
  })

  test('writes owner-only files that can be read by people, proves them, takes the key off, and running servers say so at once', async () => {
    const page = new Visitor(server)
    assert.match(plain((await page.ask('/privacy')).body), /keeps a key that can open your earlier messages/)
    const [copied, version] = [(await keptOnServer())!, (await versionsInFile()).at(-1)!]
    assert.equal(await opensHere(copied), true)
    const done = await run('seal-recovery', '--shares', '5', '--needed', '3', '--to', folder, '--yes')
    assert.equal(done.code, 0, done.err)
    assert.match(done.out, /Every 3 of the 5 share files .* all choices were tried/)
    assert.match(done.out, /and so is the version of the master key that it was sealed under\. Make a backup now\.\n$/)
    assert.deepEqual(await versionsInFile(), [version + 1])
    assert.equal(await opensHere(copied), false, 'the database as it was before has nothing for what the server has')
    await assert.rejects(
      server.sql(`UPDATE vault_keys SET key_wrapped = $1 WHERE name = 'recovery'`, [copied]),
      /was retired/,
    )
    const files = filesIn(folder)
    assert.equal(files.length, 5)
    for (const file of files) {
      assert.equal(statSync(file).mode & 0o777, 0o600)
      assert.match(
        readFileSync(file, 'utf8'),
        /Organisation: .*\nMade: .* UTC\nShare: \d of 5\nNeeded: 3\nRecovery key: .*\nSet: .*\nSecret: .*\nChecksum: /,
      )
    }
    assert.equal(statSync(folder).mode & 0o777, 0o700)
    assert.equal(await keptOnServer(), null)
    assert.match(
      plain((await page.ask('/privacy')).body),
      /It was cut into parts, and several people keep one part each/,
    )
    assert.match(plain((await dana.ask('/account')).body), /can open your earlier messages alone/)
    const { recoveryKeyPair } = await import('../../server/vault/vault.ts')
    await assert.rejects(recoveryKeyPair(), { status: 404 })
    assert.equal((await server.sql(`SELECT 1 FROM access_events WHERE act = 'recovery-key.sealed'`)).length > 0, true)
    const again = await run('seal-recovery', '--shares', '5', '--needed', '3', '--to', folder, '--yes')
    assert.deepEqual([again.code, filesIn(folder)], [0, files])
  })

  test('database and master key open nobody who has a sign-in: no opener of theirs is under the master key', async () => {
    const { openMailboxByRecovery } = await import('../../server/accounts/mailbox-key.ts')
    const { listMailboxKeys } = await import('../../server/accounts/mailbox.store.ts')
    const { sealUnderMaster, unsealUnderMaster } = await import('../../server/vault/master-key.ts')
    const rows = await server.sql<{ id: string; version: number; kind: string; envelope: Buffer }>(
      `SELECT o.mailbox_id AS id, o.mailbox_version AS version, o.kind, o.envelope FROM openers o JOIN mailboxes m ON m.id = o.mailbox_id
       LEFT JOIN accounts a ON a.id = m.account_id WHERE a.state = 'active' OR m.team_id IS NOT NULL`,
    )
    assert.ok(rows.length >= 10, `${rows.length} openers`)
    const probe = sealUnderMaster('waiting', 'a probe', Buffer.from('opens'))
    assert.equal(unsealUnderMaster('waiting', 'a probe', probe).toString(), 'opens')
    for (const { id, version, kind, envelope } of rows) {
      assert.notEqual(kind, 'waiting')
      for (const purpose of ['waiting', 'keys', 'wraps', 'recovery', 'directory'])
        assert.throws(() => unsealUnderMaster(purpose, `mailbox/${id}/${version}/${kind}`, envelope))
    }
    for (const mailbox of await listMailboxKeys(rows.map(({ id }) => id)))
      await assert.rejects(openMailboxByRecovery(mailbox), { status: 404 })
  })
})

describe('npm run recover-mailbox', () => {
  let patient: Patient
  const recover = ({ person }: Pick<Patient, 'person'>, reason: string, files: string[]) =>
    run('recover-mailbox', '--email', person.email, '--reason', reason, ...files.flatMap((file) => ['--share', file]))
  /** The same without the script, which takes its time to start. */
  const inProcess = async (email: string, reason: string, shareFiles: string[]) => {
    const { recoverMailbox } = await import('../../server/upkeep/recover-mailbox.ts')
    return recoverMailbox({ email, reason, shareFiles })
  }
  const reads = async ({ person, message, body }: Patient) =>
    (await (await signedIn(server, person)).ask(`/messages/${message}`)).body.includes(body)

  before(async () => {
    const before = await newPatient(server, dana, 'lost-everything')
    patient = { ...before, person: await resetByApp(server, before.person, 'a new password of lost-everything') }
    assert.equal(await reads(patient), false)
  })

  async function refused(reason: string, sentence: RegExp, files: string[], why = 'x', email = patient.person.email) {
    const before = await refusals(reason)
    await assert.rejects(inProcess(email, why, files), { message: sentence })
    assert.equal(await refusals(reason), before + 1, `${reason} is not in the log`)
  }

  test('197. Emergency access with 2 shares; with 3 but no reason -> refused', async () => {
    const files = filesIn(folder)
    const before = await refusals('too-few-shares')
    const two = await recover(patient, 'a fictitious reason', files.slice(0, 2))
    assert.equal(two.code, 1, two.out)
    assert.match(two.err, /^2 of the 3 shares that are needed\. Nothing was opened\.\n$/)
    assert.equal(await refusals('too-few-shares'), before + 1)
    await refused('too-few-shares', /2 of the 3 shares/, [files[0]!, files[1]!, files[1]!])
    await refused('no-reason', /Say why/, files.slice(0, 3), '  ')
    await refused('too-long-a-reason', /500 characters/, files.slice(0, 3), 'y'.repeat(501))
    await refused('no-share', /Bring the shares/, [])
    assert.equal(await reads(patient), false)
  })

  test('a damaged share, one of another key or of another set, shares that do not fit, an unknown address -> refused, and in the log', async () => {
    const files = filesIn(folder)
    const three = files.slice(0, 3)
    const { readShare, shareText } = await import('../../server/upkeep/recovery-share.ts')
    const text = readFileSync(files[2]!, 'utf8')
    const write = (name: string, changed: string) => {
      const file = join(server.dataDir, '..', name)
      writeFileSync(file, changed)
      return file
    }
    const share = readShare(text)!
    const mistyped = text.replace(/Secret: (.)/, (_, first: string) => `Secret: ${first === '0' ? '1' : '0'}`)
    const typed = write('typed.txt', mistyped)
    await refused('damaged-share', /typed\.txt is not a whole share/, [...files.slice(0, 2), typed])
    await refused('damaged-share', /empty\.txt/, [...three, write('empty.txt', '')])
    await refused('damaged-share', /cannot be read/, [join(folder, 'nowhere.txt')])
    const foreign = write('foreign.txt', shareText({ ...share, fingerprint: 'ab'.repeat(16) }))
    await refused('share-of-another-key', /another recovery key/, [...three, foreign])
    const older = write('older.txt', shareText({ ...share, set: '00000000' }))
    await refused('shares-of-several-sets', /different times/, [...three, older])
    const wrong = write('wrong.txt', shareText({ ...share, secret: Buffer.alloc(33, 7) }))
    await refused('wrong-shares', /do not make the recovery key/, [files[0]!, files[1]!, wrong])
    await refused('unknown', /Nobody here/, three, 'x', 'nobody@mail.example')
    await refused('nothing-closed', /Nothing of this person is closed/, three, 'x', server.cast.maria.email)
    assert.equal(await reads(patient), false)
  })

  test('three shares and a reason open what is from before; it is in the log before, with its reason, and the person is told', async () => {
    const files = filesIn(folder)
    const retyped = join(server.dataDir, '../retyped.txt')
    const kept = /^(Share|Needed|Recovery key|Set|Secret|Checksum):/
    const lines = readFileSync(files[4]!, 'utf8')
      .split('\n')
      .filter((line) => kept.test(line))
    writeFileSync(retyped, lines.map((line) => line.toUpperCase().replaceAll(' ', '  ')).join('\r\n'))
    const done = await recover(patient, 'Her phone and her codes burnt', [files[1]!, files[3]!, retyped])
    assert.equal(done.code, 0, done.err)
    assert.doesNotMatch(done.out, /Canary/)
    assert.equal(await reads(patient), true)
    const events = await server.sql<{ act: string }>(
      `SELECT act FROM access_events WHERE subject_id = (SELECT account_id FROM mailboxes m JOIN message_recipients r ON r.mailbox_id = m.id WHERE r.message_id = $1)
         AND act IN ('recovery-key.used', 'mailbox.earlier-opened') ORDER BY id DESC LIMIT 2`,
      [patient.message],
    )
    assert.deepEqual(events.map(({ act }) => act).sort(), ['mailbox.earlier-opened', 'recovery-key.used'])
    const ada = await signedIn(server, server.cast.ada)
    const log = await ada.ask('/admin/access-events?what=recovery-key.used')
    assert.match(
      plain(log.body),
      /Used the recovery key for somebody.*With shares of the recovery key.*Her phone and her codes burnt/,
    )
    assert.equal(
      (await server.sql(`SELECT 1 FROM access_events WHERE encode(details_sealed, 'escape') LIKE '%burnt%'`)).length,
      0,
    )
    const mail = await until(
      async () =>
        (await mailsTo(server, patient.person.email)).find(({ text }) => text.includes('with the recovery key of')),
      'the person is told',
    )
    const link = /https?:\/\/[^/\s]+(\/not-me\/[\w-]+)/.exec(mail.text)![1]!
    // It was not them: closed again, and the shares open it once more.
    assert.equal((await new Visitor(server).submit(link, link, {})).status, 303)
    await nothingUnderWay(server)
    assert.equal(await reads(patient), false)
    assert.deepEqual(await inProcess(patient.person.email, 'It was them after all', files.slice(0, 3)), {
      versions: 1,
      teams: 0,
    })
    assert.equal(await reads(patient), true)
    await refused('nothing-closed', /Nothing of this person is closed/, files.slice(0, 3))
  })

  test('a member whose whole team lost its sign-ins reads the team’s messages again', async () => {
    const team = await newPatient(server, dana, 'of-a-lost-team')
    const person = await resetByApp(server, server.cast.sam, 'a new password of doctor sam')
    // Dana opens no page meanwhile, so no colleague lets Sam in.
    const visitor = await signedIn(server, person)
    assert.equal((await visitor.ask(`/messages/${team.message}`)).body.includes(team.body), false)
    const opened = await inProcess(person.email, 'The whole team is new', filesIn(folder).slice(2))
    assert.deepEqual(opened, { versions: 1, teams: 1 })
    assert.equal((await visitor.ask(`/messages/${team.message}`)).body.includes(team.body), true)
  })

  test('in managed mode the key is at hand: shares are not wanted, and nobody needs them', async () => {
    const before = await newPatient(server, dana, 'managed-again')
    const person = await resetByApp(server, before.person, 'a new password of managed-again')
    await backToManaged()
    await refused('share-not-needed', /no shares are needed/, filesIn(folder).slice(0, 3), 'x', person.email)
    assert.equal((await inProcess(person.email, 'Renewed while it was sealed', [])).versions, 1)
    assert.equal(await reads({ ...before, person }), true)
  })
})
