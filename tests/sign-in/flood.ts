/** A flood of sign-ins against a server in another process, seen by somebody who reads their messages meanwhile and by an owner who signs in. */
import { fork } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startChildServer, type ChildServer } from '../faults/child-server.ts'
import { signedIn, Visitor, letCodesCountAgain } from '../support/visitor.ts'
import type { FloodAnswers, FloodOrder } from './flood-client.ts'
import { megabytesOf, secondsUsedBy, stretchingProcesses } from './stretching.ts'

export interface Latency {
  asked: number
  p50: number
  p99: number
}

/** Megabytes: before the first flood, at most, and after the last. */
export interface Memory {
  before: number
  most: number
  after: number
}

export interface Flooded {
  /** Milliseconds of a signed-in page, in the calm before each flood and in the floods. */
  idle: Latency
  flooded: Latency
  answers: FloodAnswers
  /** Of the server's own process, and of those that stretch passwords for it. */
  memory: { server: Memory; stretching: Memory }
  /** Milliseconds of a core that the server's own process used for a page in the calm, and for a sign-in in the floods. */
  work: { page: number; signIn: number }
  /** Sign-ins a second whose passwords were stretched in the floods. */
  stretched: number
  /** How long an owner on a known device took for both steps of signing in, in the middle of a flood; and where that led. */
  owner: { milliseconds: number; location: string }
}

/** @param rounds of calm and flood, one after the other, so that both are met by the same other work on the machine */
export async function flood(perSecond: number, seconds: number, rounds = 1): Promise<Flooded> {
  const server = await startChildServer({ TRUSTED_PROXIES: '127.0.0.1', LOG_LEVEL: 'error' })
  try {
    const reader = await signedIn(server, server.cast.dana)
    const owner = await signedIn(server, server.cast.maria)
    await letCodesCountAgain(server)
    await timesOf(reader, 1) // what is slow only the first time
    const used = () => secondsUsedBy(server.pid()) * 1000
    const idle: number[] = []
    const flooded: number[] = []
    const answers: FloodAnswers = { sent: 0, byStatus: {}, lost: 0 }
    const work = { calm: 0, floods: 0 }
    let owned = { milliseconds: 0, location: '' }
    const memory = watchMemory(server)
    for (let round = 0; round < rounds; round++) {
      const start = used()
      idle.push(...(await timesOf(reader, Math.max(2, seconds / 3))))
      const between = used()
      owner.cookies.delete('__Host-session')
      await letCodesCountAgain(server)
      const [answered, times, signIn] = await Promise.all([
        send(server, perSecond, seconds),
        timesOf(reader, seconds),
        pause(seconds * 500).then(() => timedSignIn(server, owner)),
      ])
      work.calm += between - start
      work.floods += used() - between
      flooded.push(...times)
      add(answers, answered)
      if (signIn.milliseconds > owned.milliseconds) owned = signIn
    }
    const page = work.calm / idle.length
    const stretched = answers.sent - (answers.byStatus['429'] ?? 0)
    return {
      idle: latencyOf(idle),
      flooded: latencyOf(flooded),
      answers,
      memory: memory.stop(),
      work: { page, signIn: (work.floods - page * flooded.length) / answers.sent },
      stretched: stretched / (seconds * rounds),
      owner: owned,
    }
  } finally {
    await server.stop()
  }
}

export async function send(server: ChildServer, perSecond: number, seconds: number): Promise<FloodAnswers> {
  const visitor = new Visitor(server)
  const order: FloodOrder = {
    port: server.port,
    perSecond,
    seconds,
    token: await visitor.tokenOn('/sign-in'),
    cookie: [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join('; '),
    emails: [server.cast.maria.email, server.cast.felix.email],
  }
  const client = fork(fileURLToPath(new URL('./flood-client.js', import.meta.url)), { execArgv: [] })
  return new Promise((done, fail) => {
    client.on('message', (answers) => done(answers as FloodAnswers))
    client.on('exit', (code) => fail(new Error(`the flood ended with ${code}`)))
    client.send(order)
  })
}

function add(answers: FloodAnswers, more: FloodAnswers) {
  answers.sent += more.sent
  answers.lost += more.lost
  for (const [status, count] of Object.entries(more.byStatus))
    answers.byStatus[status] = (answers.byStatus[status] ?? 0) + count
}

/** Milliseconds of each page that somebody opens one after the other. @param between milliseconds that they look at it */
export async function timesOf(reader: Visitor, seconds: number, between = 10): Promise<number[]> {
  const times: number[] = []
  const end = performance.now() + seconds * 1000
  while (performance.now() < end) {
    const start = performance.now()
    const { status } = await reader.ask('/messages')
    if (status !== 200) throw new Error(`the page was answered with ${status}`)
    times.push(performance.now() - start)
    if (between > 0) await pause(between)
  }
  return times
}

export function latencyOf(times: readonly number[]): Latency {
  const sorted = [...times].sort((a, b) => a - b)
  const at = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!
  return { asked: sorted.length, p50: at(0.5), p99: at(0.99) }
}

async function timedSignIn(server: ChildServer, owner: Visitor) {
  const start = performance.now()
  const { location } = await owner.signIn(server.cast.maria)
  return { milliseconds: performance.now() - start, location }
}

function watchMemory(server: ChildServer) {
  const look = {
    server: () => megabytesOf(server.pid()),
    stretching: () => stretchingProcesses(server.pid()).reduce((sum, pid) => sum + megabytesOf(pid), 0),
  }
  const begin = (megabytes: number): Memory => ({ before: megabytes, most: megabytes, after: megabytes })
  const seen = { server: begin(look.server()), stretching: begin(look.stretching()) }
  const watch = setInterval(note, 200)
  function note() {
    for (const part of ['server', 'stretching'] as const) {
      try {
        seen[part].after = look[part]()
        seen[part].most = Math.max(seen[part].most, seen[part].after)
      } catch {
        // One of them has ended since it was listed.
      }
    }
  }
  return {
    stop() {
      clearInterval(watch)
      note()
      return seen
    },
  }
}
