/**
 * Runs of argon2id in processes of their own, at low priority: each takes 64 MiB and a core for a good part of a second, and no other page may
 * wait for that. There are two processes, each has one run at a time, and both take the next from three short queues; they get neither
 * settings nor keys, start when they are first needed, and end with the server.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { SlowDown, Unavailable } from '../errors.ts'

/** Who waits: somebody on a device that is known, on one that is not, or whoever chooses a new password. */
export type Queue = 'known-device' | 'unknown-device' | 'new-password'

/** What the process is told. */
export interface Stretch {
  password: Buffer
  salt: Buffer
  /** KiB */
  memory: number
  passes: number
  lanes: number
}

/** What it answers. */
export interface Stretched {
  bytes: Uint8Array
}

/** 64 bytes from a password. @throws SlowDown when too many wait, Unavailable when the process ended before it answered */
export async function stretchPassword(queue: Queue, stretch: Stretch): Promise<Buffer> {
  if (waiting[queue].length >= MAY_WAIT[queue]) throw new SlowDown(new Date(Date.now() + 5_000))
  return new Promise((done, fail) => {
    waiting[queue].push({ stretch, done, fail })
    for (const place of places) takeNext(place)
  })
}

/** Ends the processes; whoever still waits is told that it cannot be done now. */
export async function endStretching(): Promise<void> {
  for (const each of Object.values(waiting).flatMap((queue) => queue.splice(0))) each.fail(new Unavailable('stopping'))
  await Promise.all(
    places.map(async ({ child }) => {
      if (!child) return
      const ended = new Promise((done) => child.once('exit', done))
      child.kill('SIGKILL')
      await ended
    }),
  )
}

interface Wish {
  stretch: Stretch
  done(bytes: Buffer): void
  fail(error: Error): void
}

/** Where a process runs. It takes the next from the first of its queues in which somebody waits. */
interface Place {
  queues: readonly Queue[]
  child?: ChildProcess | undefined
  busy: boolean
}

const MAY_WAIT: Record<Queue, number> = { 'known-device': 20, 'unknown-device': 20, 'new-password': 10 }
const waiting: Record<Queue, Wish[]> = { 'known-device': [], 'unknown-device': [], 'new-password': [] }

// A flood fills one queue and no place for good: the owner's device comes first in one of them and new passwords in the other. Whoever holds a
// link can ask for new passwords, so the first place never takes one.
const places: Place[] = [
  { queues: ['known-device', 'unknown-device'], busy: false },
  { queues: ['new-password', 'known-device', 'unknown-device'], busy: false },
]

const PROGRAM = fileURLToPath(new URL('./stretch-password-process.js', import.meta.url))
const MOST_MILLISECONDS = 30_000

function takeNext(place: Place) {
  if (place.busy) return
  const queue = place.queues.find((each) => waiting[each].length > 0)
  const wish = queue && waiting[queue].shift()
  if (!wish) return
  place.busy = true
  void run(place, wish.stretch)
    .then(wish.done, wish.fail)
    .finally(() => {
      place.busy = false
      takeNext(place)
    })
}

/** One run. A process that dies or hangs is followed by a new one at the next run; this one cannot be answered. */
function run(place: Place, stretch: Stretch): Promise<Buffer> {
  const child = (place.child ??= begin(place))
  return new Promise((done, fail) => {
    const tooLong = setTimeout(() => child.kill('SIGKILL'), MOST_MILLISECONDS)
    const stopListening = () => {
      clearTimeout(tooLong)
      child.off('message', answered).off('exit', died).off('error', died)
      rest(child)
    }
    const answered = ({ bytes }: Stretched) => {
      stopListening()
      done(Buffer.from(bytes))
    }
    const died = () => {
      stopListening()
      fail(new Unavailable('a password could not be stretched'))
    }
    child.on('message', answered).on('exit', died).on('error', died)
    child.ref()
    child.channel?.ref()
    child.send(stretch, (error) => error && died())
  })
}

function begin(place: Place): ChildProcess {
  const child = fork(PROGRAM, {
    env: {},
    execArgv: ['--max-old-space-size=32'],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  const gone = () => {
    if (place.child === child) place.child = undefined
  }
  child.on('exit', gone).on('disconnect', gone).on('error', gone)
  return child
}

/** Nothing of ours keeps a program running that has nothing else to do. */
function rest(child: ChildProcess) {
  child.unref()
  child.channel?.unref()
}
