/** Passwords are stretched in processes of their own, which may die, and which nothing else waits for. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { endStretching, stretchPassword, type Queue } from '../../server/sign-in/stretch-password.ts'
import { getPriority } from 'node:os'
import { nicenessOf, secondsUsedBy, stretchingProcesses } from './stretching.ts'

const linux = { skip: process.platform === 'linux' ? false : 'it looks into /proc' }
const salt = Buffer.alloc(16, 7)
/** @param passes each of 64 MiB */
const stretch = (queue: Queue, passes = 3, memory = 65536) =>
  stretchPassword(queue, { password: Buffer.from('three random words'), salt, memory, passes, lanes: 1 })

after(() => endStretching())

test('the bytes are those of argon2id, whichever process makes them', async () => {
  const { default: argon2 } = await import('argon2')
  const expected = await argon2.hash('three random words', {
    type: argon2.argon2id,
    raw: true,
    hashLength: 64,
    salt,
    memoryCost: 65536,
    timeCost: 3,
    parallelism: 1,
  })
  for (const bytes of await Promise.all([stretch('known-device'), stretch('unknown-device'), stretch('new-password')]))
    assert.deepEqual(bytes, expected)
})

test('two processes do it, of low priority in all their threads, without settings and keys', linux, async () => {
  await Promise.all(Array.from({ length: 6 }, () => stretch('unknown-device')))
  const processes = stretchingProcesses()
  assert.equal(processes.length, 2)
  const { readFileSync } = await import('node:fs')
  for (const pid of processes) {
    const nice = nicenessOf(pid)
    assert.ok(nice.length > 1)
    assert.ok(
      nice.every((each) => each === getPriority() + 10),
      nice.join(),
    )
    assert.doesNotMatch(readFileSync(`/proc/${pid}/environ`, 'latin1'), /PATH|HOME|DATA_DIR|MASTER/)
  }
})

test('the work is not done in this process, nor in its threads', linux, async () => {
  const theirs = () => stretchingProcesses().reduce((sum, pid) => sum + secondsUsedBy(pid), 0)
  const [before, theirsBefore] = [process.cpuUsage(), theirs()]
  await Promise.all(Array.from({ length: 12 }, () => stretch('unknown-device')))
  const { user, system } = process.cpuUsage(before)
  const [here, there] = [(user + system) / 1_000_000, theirs() - theirsBefore]
  assert.ok(here < there / 8, `${here} s of a core here, ${there} s there`)
})

test(
  'a process that dies takes one request with it, which is told so at once; the next has a new process',
  linux,
  async () => {
    const before = stretchingProcesses()
    const lost = stretch('unknown-device', 100)
    const other = stretch('unknown-device', 100)
    const outcomes = Promise.allSettled([lost, other])
    for (const pid of before) process.kill(pid, 'SIGKILL')
    for (const outcome of await outcomes) {
      assert.equal(outcome.status, 'rejected')
      assert.equal((outcome.reason as { status: number }).status, 503)
    }
    assert.equal((await stretch('unknown-device')).length, 64)
    assert.ok(stretchingProcesses().every((pid) => !before.includes(pid)))
  },
)

test('parameters that argon2 does not take end one process and no more', async () => {
  await assert.rejects(stretch('unknown-device', 0), { status: 503 })
  assert.equal((await stretch('unknown-device')).length, 64)
})

test('each queue is short, and a full one refuses at once', async () => {
  const ask = (queue: Queue, count: number) => Array.from({ length: count }, () => stretch(queue, 1, 8192))
  const outcomes = await Promise.allSettled([
    ...ask('unknown-device', 23),
    ...ask('known-device', 21),
    ...ask('new-password', 11),
  ])
  const refused = outcomes.map(
    (outcome) => outcome.status === 'rejected' && (outcome.reason as { status: number }).status,
  )
  const places = refused.flatMap((status, index) => (status ? [[index, status]] : []))
  assert.deepEqual(places, [
    [22, 429],
    [43, 429],
    [54, 429],
  ])
})

test('who signs in never waits for who chooses a password, and a known device never for unknown ones', async () => {
  const order: string[] = []
  const noted = (queue: Queue) => stretch(queue, 1).then(() => order.push(queue))
  // Both places are taken, and others wait before them.
  const all = [
    ...Array.from({ length: 8 }, () => noted('unknown-device')),
    ...Array.from({ length: 8 }, () => noted('new-password')),
  ]
  all.push(noted('known-device'))
  await Promise.all(all)
  assert.ok(order.indexOf('known-device') <= 5, order.join())
  // Neither flood shuts the other out.
  assert.ok(order.slice(0, 8).includes('new-password') && order.slice(0, 8).includes('unknown-device'), order.join())
})

test('after the end no process is left, and who waited is told', linux, async () => {
  const outcomes = Promise.allSettled(Array.from({ length: 5 }, () => stretch('unknown-device', 50)))
  await endStretching()
  for (const outcome of await outcomes) assert.equal(outcome.status, 'rejected')
  assert.deepEqual(stretchingProcesses(), [])
})
