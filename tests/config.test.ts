/** Settings: one table, all problems at once, and what real use refuses to start with. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ConfigProblems, envExample, readConfig, settings } from '../server/config.ts'
import { projectRoot } from '../server/lib/root.ts'
import { makeMasterKey, MasterKeyProblem, useMasterKey } from '../server/vault/master-key.ts'
import { freePort } from './support/free-port.ts'
import { secondLook } from './support/server.ts'
import { bareEnvironment, copyTemplate, mainFile } from './support/template.ts'

let folder: string
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'letterlock-config-'))
})
after(() => rmSync(folder, { recursive: true, force: true }))

/** Enough for real use. */
const real = () => ({
  NODE_ENV: 'production',
  BASE_URL: 'https://messages.riverside.example',
  SMTP_URL: 'smtps://letterlock:4f0c1e@mail.riverside.example',
  MASTER_KEY: makeMasterKey(),
  ORGANISATION_NAME: 'Riverside Clinic',
  ORGANISATION_PHONE: '555-0100',
  ORGANISATION_HOURS: 'Monday to Friday, 8 am to 5 pm',
  EMERGENCY_PHONE: '911',
})

function problemsOf(env: Record<string, string>): readonly string[] {
  try {
    readConfig(env)
    return []
  } catch (error) {
    assert.ok(error instanceof ConfigProblems)
    return error.problems
  }
}

/** Starts the program and waits for its end. */
function run(env: Record<string, string>): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [mainFile], {
    env: { ...bareEnvironment(), ...env },
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString()
    if (out.includes('Letterlock is running')) child.kill('SIGTERM')
  })
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
  return new Promise((done) => child.on('exit', (code) => done({ code, out, err })))
}

test('an object store is named whole, by https, and by nothing that is not its address', () => {
  const whole = {
    FILE_STORE: 's3',
    S3_ENDPOINT: 'https://s3.example.org',
    S3_BUCKET: 'letterlock-files',
    S3_ACCESS_KEY_ID: 'a-key',
    S3_SECRET_ACCESS_KEY: 'its-secret',
  }
  const read = readConfig(whole)
  assert.deepEqual(read.s3, {
    endpoint: 'https://s3.example.org',
    bucket: 'letterlock-files',
    region: 'us-east-1',
    accessKeyId: 'a-key',
    secretAccessKey: 'its-secret',
  })
  assert.equal(read.fileStore, 's3')
  assert.deepEqual([readConfig({}).fileStore, readConfig({}).s3], ['folder', undefined])
  assert.equal(readConfig({ ...whole, S3_ENDPOINT: 'http://127.0.0.1:9000' }).s3?.endpoint, 'http://127.0.0.1:9000')
  for (const [change, problem] of [
    [{ S3_ENDPOINT: 'http://s3.example.org' }, /S3_ENDPOINT must begin with https/],
    [{ S3_ENDPOINT: 'https://key:secret@s3.example.org' }, /S3_ENDPOINT must be an address/],
    [{ S3_ENDPOINT: 'https://s3.example.org/bucket' }, /S3_ENDPOINT must be an address/],
    [{ S3_BUCKET: 'Not/A/Bucket' }, /S3_BUCKET is the name of a bucket/],
    [{ S3_REGION: 'here & there' }, /S3_REGION is a name/],
    [{ S3_SECRET_ACCESS_KEY: '' }, /half set up\. S3_SECRET_ACCESS_KEY is missing/],
    [{ FILE_STORE: 'tape' }, /FILE_STORE is folder or s3/],
  ] as const)
    assert.ok(
      problemsOf({ ...whole, ...change }).some((each) => problem.test(each)),
      JSON.stringify(change),
    )
  assert.match(problemsOf({ FILE_STORE: 's3' })[0]!, /FILE_STORE is s3, but S3_ENDPOINT/)
})

test('.env.example is what the table of settings says', () => {
  assert.equal(readFileSync(join(projectRoot, '.env.example'), 'utf8'), envExample())
  for (const { name, purpose } of settings)
    assert.ok(envExample().includes(`# ${purpose}`) && envExample().includes(`#${name}=`), name)
})

test('.env.example as it is, with every line taken in, is refused with each example named', () => {
  const lines = [...envExample().matchAll(/^#([A-Z0-9_]+)=(.*)$/gm)].map((match) => [match[1]!, match[2]!])
  assert.equal(lines.length, settings.length)
  const problems = problemsOf(Object.fromEntries(lines) as Record<string, string>)
  for (const name of ['BASE_URL', 'MASTER_KEY', 'DATABASE_URL', 'MIGRATION_DATABASE_URL', 'SMTP_URL'])
    assert.ok(
      problems.some((problem) => problem.startsWith(`${name} still holds the example`)),
      name,
    )
})

test('without any setting it is a try-out on the loopback', () => {
  const config = readConfig({})
  assert.deepEqual(
    [config.tryOut, config.production, config.host, config.port, config.baseUrl, config.idleMinutes],
    [true, false, '127.0.0.1', 3000, 'http://localhost:3000', 15],
  )
  assert.ok(Object.isFrozen(config) && Object.isFrozen(config.organisation))
  assert.equal(readConfig({ PORT: '4000' }).baseUrl, 'http://localhost:4000')
})

test('real use with all it needs has no problem', () => {
  assert.deepEqual(problemsOf(real()), [])
  assert.equal(readConfig(real()).mailFrom, 'messages@messages.riverside.example')
})

test('each setting that the table calls required is missed in real use, and only there', () => {
  const required = settings.filter((setting) => 'production' in setting).map(({ name }) => name)
  for (const name of ['ORGANISATION_NAME', 'ORGANISATION_PHONE', 'ORGANISATION_HOURS', 'EMERGENCY_PHONE'] as const)
    assert.ok(required.includes(name), name)
  for (const name of required) {
    const problems = problemsOf(Object.fromEntries(Object.entries(real()).filter(([each]) => each !== name)))
    assert.equal(problems.length, 1, `${name}: ${problems.join()}`)
    assert.match(problems[0]!, new RegExp(`^${name}( \\(or ${name}_FILE\\))? is missing\\. `))
  }
  assert.equal(readConfig({}).organisation.emergencyPhone, '911')
})

test('all problems are told at once, each with its setting', () => {
  const wrong = {
    PORT: '70000',
    BASE_URL: 'http://messages.riverside.example',
    IDLE_MINUTES: '4',
    TIME_ZONE: 'Mars/Olympus',
    LOG_LEVEL: 'loud',
    SMTP_URL: 'mail.example',
    DATABASE_URL_FILE: join(folder, 'missing'),
  }
  const problems = problemsOf(wrong)
  for (const name of Object.keys(wrong))
    assert.equal(problems.filter((problem) => problem.startsWith(name)).length, 1, `${name}: ${problems.join('\n')}`)
  assert.equal(problems.length, 7)
  assert.match(new ConfigProblems(problems).message, /^Letterlock cannot start with these settings:\n {2}- /)
})

test('addresses that are no BASE_URL are refused', () => {
  for (const address of [
    'messages.riverside.example',
    'https://x.example/path',
    'https://x.example/?a',
    'https://x.example/#a',
    'https://user@x.example',
    'ftp://x.example',
    'javascript:alert(1)',
    'http://10.0.0.1',
    'http://localhost.evil.example',
    'http://127.0.0.1.evil.example',
  ])
    assert.equal(problemsOf({ BASE_URL: address }).length, 1, address)
  for (const address of ['http://localhost:8080', 'http://127.0.0.1', 'http://[::1]:3000'])
    assert.deepEqual(problemsOf({ BASE_URL: address }), [], address)
  for (const address of ['https://x.example', 'https://x.example/'])
    assert.deepEqual(problemsOf({ ...real(), BASE_URL: address }), [], address)
})

test('staff sign-on: half of it, an issuer that is no address, hosts that are none and factors that are none are told', () => {
  const signOn = {
    OIDC_ISSUER: 'https://login.example.org/realms/clinic',
    OIDC_CLIENT_ID: 'letterlock',
    OIDC_CLIENT_SECRET: '4f0c1e',
    OIDC_NAME: 'Riverside account',
  }
  const problemsWith = (changed: Record<string, string>) => problemsOf({ ...real(), ...signOn, ...changed })
  assert.deepEqual(
    problemsWith({ OIDC_HOSTS: 'Keys.example.org, b.example:8443', OIDC_SECOND_FACTOR_AMR: 'hwk, otp' }),
    [],
  )
  assert.deepEqual(readConfig({ ...real(), ...signOn, OIDC_HOSTS: 'Keys.example.org' }).signOn?.hosts, [
    'login.example.org',
    'keys.example.org',
  ])
  assert.equal(readConfig(real()).signOn, undefined)
  for (const name of Object.keys(signOn))
    assert.deepEqual(problemsWith({ [name]: '' }), [`Staff sign-on is half set up. ${name} is missing.`])
  assert.deepEqual(problemsOf({ ...real(), OIDC_HOSTS: 'keys.example.org' }), [
    'Staff sign-on is half set up. OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET, OIDC_NAME are missing.',
  ])
  for (const issuer of ['login', 'https://a.example/?b', 'https://u@a.example'])
    assert.deepEqual(problemsWith({ OIDC_ISSUER: issuer }), [
      `OIDC_ISSUER must be an address like https://login.example.org/realms/clinic: "${issuer}" is not.`,
    ])
  assert.deepEqual(problemsWith({ OIDC_ISSUER: 'http://a.example' }), [
    'OIDC_ISSUER must begin with https://. Plain http works on localhost only.',
  ])
  assert.deepEqual(problemsWith({ OIDC_HOSTS: 'https://a.example/x' }), [
    'OIDC_HOSTS holds names of hosts such as keys.example.org, and not "https://a.example/x".',
  ])
  for (const factor of ['pwd', 'sms', 'geo']) {
    const problems = problemsWith({ OIDC_SECOND_FACTOR_AMR: `hwk,${factor}` })
    assert.equal(problems.length, 1, factor)
    assert.ok(problems[0]!.startsWith(`OIDC_SECOND_FACTOR_AMR holds "${factor}", which is no second factor here: `))
  }
})

test('a NODE_ENV that nobody knows is refused: a misspelt production starts no try-out', () => {
  for (const value of ['prod', 'Production', 'PRODUCTION', 'staging', 'productoin', 'production;', 'live'])
    assert.match(problemsOf({ ...real(), NODE_ENV: value }).join('\n'), /^NODE_ENV is production, /, value)
  for (const value of ['', ' ', 'development', 'test'])
    assert.equal(readConfig({ NODE_ENV: value }).tryOut, true, value)
  assert.equal(readConfig({ ...real(), NODE_ENV: ' production ' }).tryOut, false)
})

test('a try-out that others could reach, or that could send mail, is refused', async () => {
  const reached = /A try-out with known passwords would stand on the internet/
  const mail = 'smtps://letterlock:4f0c1e@mail.riverside.example'
  for (const NODE_ENV of ['', 'development', 'test'])
    for (const [name, value] of [
      ['BASE_URL', 'https://messages.riverside.example'],
      ['BASE_URL', 'https://10.0.0.1'],
      ['SMTP_URL', mail],
    ] as const) {
      const problems = problemsOf({ NODE_ENV, [name]: value })
      assert.equal(problems.length, 1, `${name}: ${problems.join()}`)
      assert.ok(problems[0]!.startsWith(name) && reached.test(problems[0]!), problems[0])
    }
  const local = 'postgres://letterlock_app:4f0c1e@localhost/letterlock'
  assert.deepEqual(problemsOf({ BASE_URL: 'https://localhost:8443', DATABASE_URL: local }), [])
  const { code, out, err } = await run({ SMTP_URL: mail, DATA_DIR: join(folder, 'never-made') })
  assert.equal(code, 1)
  assert.doesNotMatch(out, /running/)
  assert.match(err, reached)
  assert.doesNotMatch(err, /4f0c1e/, 'the password is not repeated')
})

test('numbers are whole and in their range', () => {
  for (const value of ['-1', '0', '65536', '3000.5', 'abc', '0x1g', 'NaN', 'Infinity'])
    assert.equal(problemsOf({ PORT: value }).length, 1, value)
  for (const value of ['4', '61', '15.5', '-15', 'soon'])
    assert.equal(problemsOf({ IDLE_MINUTES: value }).length, 1, value)
  for (const value of ['5', '60']) assert.equal(readConfig({ IDLE_MINUTES: value }).idleMinutes, Number(value))
})

test('a secret may be a file, which wins and is trimmed; what is not secret may not', () => {
  const file = join(folder, 'master.key')
  const key = makeMasterKey()
  writeFileSync(file, `${key}\n`)
  const { MASTER_KEY: _, ...rest } = real()
  assert.deepEqual(readConfig({ ...rest, MASTER_KEY_FILE: file }).masterKey, { provider: 'file', path: file })
  assert.deepEqual(readConfig({ ...real(), MASTER_KEY_FILE: file }).masterKey, { provider: 'file', path: file })
  const secret = join(folder, 'smtp')
  writeFileSync(secret, ' smtps://from-a-file.example \n')
  assert.equal(readConfig({ ...real(), SMTP_URL_FILE: secret }).smtpUrl, 'smtps://from-a-file.example')
  assert.equal(readConfig({ PORT_FILE: file }).port, 3000)
  writeFileSync(file, '')
  assert.match(problemsOf({ ...rest, MASTER_KEY_FILE: file }).join(), /^MASTER_KEY \(or MASTER_KEY_FILE\) is missing/)
})

test('where the master key rests: in a file unless somebody chose otherwise, and a key in a setting is such a choice', () => {
  const key = makeMasterKey()
  const { MASTER_KEY: _, ...rest } = real()
  assert.deepEqual(readConfig({ DATA_DIR: '/data' }).masterKey, { provider: 'file', path: '/data/master.key' })
  assert.deepEqual(readConfig({ ...rest, MASTER_KEY: key }).masterKey, { provider: 'env', text: key })
  const none = join(folder, 'not-made-yet.key')
  assert.deepEqual(readConfig({ ...rest, MASTER_KEY_FILE: none }).masterKey, { provider: 'file', path: none })
  const service = {
    MASTER_KEY_PROVIDER: 'transit',
    TRANSIT_ADDRESS: 'https://vault.riverside.example:8200',
    TRANSIT_KEY: 'mail',
    TRANSIT_TOKEN: 'hvs.9c1',
  }
  assert.deepEqual(readConfig({ ...rest, ...service, DATA_DIR: '/data' }).masterKey, {
    provider: 'transit',
    path: '/data/master.key.wrapped',
    address: 'https://vault.riverside.example:8200',
    mount: 'transit',
    key: 'mail',
    token: 'hvs.9c1',
  })
  assert.equal(readConfig({ ...service, TRANSIT_ADDRESS: 'http://127.0.0.1:8200' }).masterKey.provider, 'transit')
  for (const [env, problem] of [
    [{ MASTER_KEY_PROVIDER: 'vault' }, /MASTER_KEY_PROVIDER is file, env or transit, not "vault"/],
    [{ MASTER_KEY_PROVIDER: 'env' }, /MASTER_KEY_PROVIDER is env, but MASTER_KEY is not set/],
    [{ MASTER_KEY_PROVIDER: 'file', MASTER_KEY: key }, /is file, but the key stands in MASTER_KEY/],
    [{ TRANSIT_ADDRESS: 'https://vault.example' }, /TRANSIT_ADDRESS is set, but MASTER_KEY_PROVIDER is not transit/],
    [{ MASTER_KEY_PROVIDER: 'transit' }, /TRANSIT_ADDRESS, TRANSIT_KEY, TRANSIT_TOKEN are missing/],
    [{ ...service, TRANSIT_ADDRESS: 'http://vault.riverside.example' }, /TRANSIT_ADDRESS must begin with https/],
    [{ ...service, TRANSIT_ADDRESS: 'https://me:hvs.9c1@vault.example' }, /TRANSIT_ADDRESS must be an address/],
    [{ ...service, TRANSIT_ADDRESS: 'https://vault.example/v1/transit' }, /TRANSIT_ADDRESS must be an address/],
    [{ ...service, TRANSIT_MOUNT: '../sys' }, /TRANSIT_MOUNT is a path/],
    [{ ...service, TRANSIT_KEY: 'a/../b' }, /TRANSIT_KEY is a name/],
    [{ ...service, MASTER_KEY: key }, /MASTER_KEY_PROVIDER is transit, but MASTER_KEY holds a key/],
  ] as const) {
    const problems = problemsOf(env).join('\n')
    assert.match(problems, problem, JSON.stringify(env))
    assert.ok(!problems.includes(key.slice(2)) && !problems.includes('hvs.9c1'), 'secrets are not repeated')
  }
})

test('194. Audit off switch in config/env -> refuses to start', async () => {
  for (const name of ['AUDIT', 'AUDIT_OFF', 'AUDIT_ENABLED', 'ACCESS_LOG', 'ACCESS_LOG_DISABLED'])
    for (const value of ['false', 'off', '0', '1', ''])
      assert.match(
        problemsOf({ [name]: value }).join(),
        new RegExp(`^${name} is set, but the access log cannot be switched off`),
        `${name}=${value}`,
      )
  const { code, out, err } = await run({ ACCESS_LOG: 'off', DATA_DIR: join(folder, 'never-made') })
  assert.equal(code, 1)
  assert.doesNotMatch(out, /running/)
  assert.match(err, /ACCESS_LOG is set, but the access log cannot be switched off/)
})

test('195. Production with nothing set -> refuses to start and lists all that is missing', async () => {
  const { code, out, err } = await run({ NODE_ENV: 'production', DATA_DIR: join(folder, 'never-made') })
  assert.equal(code, 1)
  assert.doesNotMatch(out, /running/)
  for (const name of [
    'BASE_URL',
    'SMTP_URL (or SMTP_URL_FILE)',
    'MASTER_KEY (or MASTER_KEY_FILE)',
    'ORGANISATION_NAME',
    'ORGANISATION_PHONE',
    'ORGANISATION_HOURS',
    'EMERGENCY_PHONE',
  ])
    assert.ok(err.includes(`  - ${name} is missing.`), `${name}:\n${err}`)
  assert.doesNotMatch(err, /\bat .*\.js:\d+/)
  assert.throws(() => readFileSync(join(folder, 'never-made')), { code: 'ENOENT' })
})

test('195. Production with example secrets -> refuses to start', async () => {
  const examples = Object.fromEntries(settings.map(({ name, example }) => [name, example]))
  const { code, err } = await run({ ...examples, DATA_DIR: join(folder, 'never-made') })
  assert.equal(code, 1)
  for (const name of ['SMTP_URL', 'MASTER_KEY', 'DATABASE_URL', 'MIGRATION_DATABASE_URL', 'BASE_URL'])
    assert.ok(err.includes(`  - ${name} still holds the example`), `${name}:\n${err}`)
  assert.doesNotMatch(err, /PASSWORD@|BASE64URL/, 'secrets are not repeated')
  for (const value of ['smtps://me:changeme@mail.riverside.example', 'smtps://me:CHANGE-ME@mail.riverside.example'])
    assert.match(problemsOf({ ...real(), SMTP_URL: value }).join(), /SMTP_URL still holds the example's secret/)
})

test('a master key of another shape is refused with a sentence that does not repeat it', () => {
  for (const key of ['1:short', makeMasterKey().slice(2), `${makeMasterKey()}x`, 'hunter2', '0x1:abc']) {
    assert.throws(
      () => useMasterKey(key),
      (error: Error) =>
        error instanceof MasterKeyProblem &&
        /32 bytes in base64url/.test(error.message) &&
        !error.message.includes(key),
      key,
    )
  }
  assert.throws(() => useMasterKey(' \n'), MasterKeyProblem)
})

test('a setting for the master key or a database of another shape is told with all other problems', () => {
  const wrong = { PORT: '0', MASTER_KEY: '1:hunter2', DATABASE_URL: 'db.example', MIGRATION_DATABASE_URL: 'http://db' }
  const problems = problemsOf(wrong)
  assert.deepEqual(
    problems.map((problem) => problem.split(' ')[0]),
    ['PORT', 'DATABASE_URL', 'MIGRATION_DATABASE_URL', 'MASTER_KEY'],
  )
  assert.ok(!problems.join().includes('hunter2'))
  const file = join(folder, 'cut.key')
  writeFileSync(file, `${makeMasterKey().slice(0, -1)}\n`)
  assert.match(problemsOf({ MASTER_KEY_FILE: file }).join(), /MASTER_KEY_FILE names\) must be a line such as/)
  writeFileSync(file, `${makeMasterKey(1)}\n${makeMasterKey(2)}\n`)
  assert.deepEqual(problemsOf({ MASTER_KEY_FILE: file }), [])
})

test('a database that is not there is told by the name of its setting, and a folder that cannot be used by its own', async () => {
  const away = 'postgres://letterlock_app:4f0c1e@127.0.0.1:1/letterlock'
  const database = await run({ DATABASE_URL: away, DATA_DIR: join(folder, 'unused') })
  assert.equal(database.code, 1)
  assert.match(database.err, /^DATABASE_URL leads to no database that lets us in \(.*ECONNREFUSED.*\): check address/)
  assert.doesNotMatch(database.err, /4f0c1e|\n\s+at /)
  writeFileSync(join(folder, 'in-the-way'), '')
  for (const more of [{}, { DATABASE_URL: away }] as Record<string, string>[]) {
    const { code, err } = await run({ ...more, DATA_DIR: join(folder, 'in-the-way/data') })
    assert.equal(code, 1)
    assert.match(err, /^\S+in-the-way\/data cannot be used \(.*\): set DATA_DIR to a folder/)
  }
})

test('a port that is taken is said, and nobody is told to sign in there', async () => {
  const dataDir = await copyTemplate()
  const other = createServer()
  await new Promise<void>((done) => other.listen(0, '127.0.0.1', done))
  try {
    const { port } = other.address() as AddressInfo
    const { code, out, err } = await run({ DATA_DIR: dataDir, PORT: String(port) })
    assert.equal(code, 1)
    assert.match(err, new RegExp(`^Port ${port} is in use`))
    assert.doesNotMatch(out, /try-out|riverside|\/demo/)
  } finally {
    other.close()
    rmSync(join(dataDir, '..'), { recursive: true, force: true })
  }
})

test("195. Production on the try-out's database, and a try-out on one in real use -> refuse to start", async () => {
  const dataDir = await copyTemplate()
  try {
    const port = String(await freePort())
    const production = await run({ ...real(), DATA_DIR: dataDir, PORT: port })
    assert.equal(production.code, 1)
    assert.doesNotMatch(production.out, /running/)
    assert.match(
      production.err,
      /^This database holds the try-out with its fictitious people and known passwords\. Real use needs an empty database/,
    )
    const database = await secondLook(dataDir)
    const { default: pg } = await import('pg')
    const client = new pg.Client({ connectionString: database.ownerUrl })
    await client.connect()
    await client.query(`UPDATE installation SET value = 'production' WHERE name = 'kind'`)
    await client.end()
    await database.stop()
    const tryOut = await run({ DATA_DIR: dataDir, PORT: port })
    assert.equal(tryOut.code, 1)
    assert.match(tryOut.err, /^This database is in real use\. A try-out would put fictitious people into it/)
  } finally {
    rmSync(join(dataDir, '..'), { recursive: true, force: true })
  }
})
