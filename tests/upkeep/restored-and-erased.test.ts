/** What was erased after a backup was made does not come back with it: the ledger, which is no part of the backup, has it erased again. */
import assert from 'node:assert/strict'
import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { startChildServer, startOn, type ChildServer } from '../faults/child-server.ts'
import { textFile, writeTo } from '../support/letters.ts'
import { plain, signedIn } from '../support/visitor.ts'
import { folderBeside, newMachine, runScript } from './operate.ts'

let server: ChildServer
let folder: string
let recalled: string
let erased: string
let kept: string
const machines: ChildServer[] = []

before(async () => {
  server = await startChildServer()
  folder = folderBeside(server)
  const dana = await signedIn(server, server.cast.dana)
  const to = server.cast.maria.email
  recalled = await writeTo(dana, {
    to,
    body: 'word-of-the-recalled',
    files: [textFile('r.txt', 'file-of-the-recalled\n')],
  })
  erased = await writeTo(dana, { to, body: 'word-of-the-erased', files: [textFile('e.txt', 'file-of-the-erased\n')] })
  kept = await writeTo(dana, { to, body: 'word-of-the-kept', files: [textFile('k.txt', 'file-of-the-kept\n')] })
  const maria = await signedIn(server, server.cast.maria)
  assert.match((await maria.ask(`/messages/${erased}`)).body, /word-of-the-erased/)
  await backup('first')
  await backup('second', '--kept-until', '2091-12-31')
  const ada = await signedIn(server, server.cast.ada)
  const slip = { reason: 'A slip', word: 'erase' }
  assert.equal((await ada.submit('/help', `/admin/erasures/${erased}/erase`, slip)).status, 303)
  assert.equal((await dana.submit('/help', `/messages/${recalled}/recall`, {})).status, 303)
})
after(async () => {
  for (const machine of machines) await machine.stop()
  await server.stop()
})

async function backup(name: string, ...more: string[]) {
  const { code, said } = await runScript('backup', [join(folder, name), ...more], { DATA_DIR: server.dataDir })
  assert.equal(code, 0, said)
}

async function restore(dataDir: string): Promise<string> {
  const { code, said } = await runScript('restore', [join(folder, 'first')], { DATA_DIR: dataDir })
  assert.equal(code, 0, said)
  return said
}

const layLedger = (dataDir: string) => copyFileSync(join(server.dataDir, 'ledger'), join(dataDir, 'ledger'))

async function startThere(dataDir: string): Promise<ChildServer> {
  const machine = await startOn(dataDir)
  machines.push(machine)
  return machine
}

/** Both sides, the texts and the files. */
async function onlyTheKeptOpens(machine: ChildServer) {
  const [maria, dana] = [await signedIn(machine, machine.cast.maria), await signedIn(machine, machine.cast.dana)]
  for (const [reader, id, says] of [
    [maria, erased, 'An administrator erased this message and its files'],
    [dana, erased, 'An administrator erased this message and its files'],
    [maria, recalled, 'This message was taken back'],
    [dana, recalled, 'You took this message back'],
  ] as const) {
    const page = await reader.ask(`/messages/${id}`)
    assert.ok(plain(page.body).includes(says), says)
    assert.doesNotMatch(page.body, /word-of-the-(recalled|erased)|[re]\.txt/)
  }
  for (const reader of [maria, dana]) {
    const page = await reader.ask(`/messages/${kept}`)
    assert.match(page.body, /word-of-the-kept/)
    assert.equal((await reader.ask(`/attachments/${fileIn(page.body)}/download`)).body, 'file-of-the-kept\n')
  }
  const left = await machine.sql<{ id: string }>(
    'SELECT id FROM messages WHERE id = ANY($1) AND (key_wrapped IS NOT NULL OR body_sealed IS NOT NULL)',
    [[recalled, erased, kept]],
  )
  assert.deepEqual(left, [{ id: kept }])
  assert.equal(
    (await machine.sql('SELECT FROM attachments WHERE message_id = ANY($1)', [[recalled, erased]])).length,
    0,
  )
}

const fileIn = (body: string) => /\/attachments\/([\w-]{36})/.exec(body)![1]!

test('restored with the ledger at hand: what was erased since is erased again before anything can be read, its neighbour opens', async () => {
  const dataDir = newMachine(server, folder)
  layLedger(dataDir)
  const ledger = readFileSync(join(dataDir, 'ledger'))
  const said = await restore(dataDir)
  assert.match(said, /older than the ledger .*: what happened from \S+ to \S+ is lost/)
  assert.match(said, /2 were erased again/)
  assert.ok(readFileSync(join(dataDir, 'ledger')).equals(ledger), 'the restore itself writes nothing into it')
  const machine = await startThere(dataDir)
  await onlyTheKeptOpens(machine)
  const events = await machine.sql(
    `SELECT act, subject_id AS id, outcome FROM access_events WHERE actor_kind = 'system' AND act IN ('database.older', 'message.erased') ORDER BY act, subject_id`,
  )
  assert.deepEqual(events, [
    { act: 'database.older', id: null, outcome: 'failed' },
    ...[recalled, erased].sort().map((id) => ({ act: 'message.erased', id, outcome: 'done' })),
  ])
})

test('its certificate says that it was erased twice, and names the backup that only the ledger knew of', async () => {
  const [machine] = machines
  const [second] = await server.sql<{ id: string }>('SELECT id FROM backups WHERE kept_until IS NOT NULL')
  const [certificate] = await machine!.sql<{ note: string }>(
    'SELECT note FROM destruction_certificates WHERE message_id = $1',
    [erased],
  )
  assert.match(certificate!.note, /^erased-again: \S+ \(an older database had come back\)$/m)
  assert.match(certificate!.note, new RegExp(`^backup: ${second!.id} of \\S+, until 2092-01-01T00:00:00\\.000Z$`, 'm'))
  assert.match(certificate!.note, /^backups-until: 2092-01-01T00:00:00\.000Z$/m)
  const felix = await signedIn(machine!, machine!.cast.felix)
  assert.match(plain((await felix.ask('/admin/erasures')).body), /Erased by an administrator/)
})

test('restored without the ledger: it says that it is missing; laid there later, the next start erases', async () => {
  const dataDir = newMachine(server, folder)
  const said = await restore(dataDir)
  assert.match(
    said,
    /ends with mark 0 and the database has mark \d+; if this is another machine, put the ledger of the old one here/,
  )
  layLedger(dataDir)
  const machine = await startThere(dataDir)
  assert.match(machine.said(), /2 were erased again/)
  await onlyTheKeptOpens(machine)
})

test('a drill erases them too before it draws its sample, and writes nothing into the ledger', async () => {
  await server.end()
  const ledger = readFileSync(join(server.dataDir, 'ledger'))
  const { code, said } = await runScript(
    'restore-drill',
    [join(folder, 'first'), '--in', folder, '--report', join(folder, 'report'), '--sample', '0'],
    { DATA_DIR: server.dataDir },
  )
  assert.equal(code, 0, said)
  assert.match(said, /^good: messages that were erased since, as the ledger says: 2 erased again$/m)
  assert.ok(readFileSync(join(server.dataDir, 'ledger')).subarray(0, ledger.length).equals(ledger))
})
