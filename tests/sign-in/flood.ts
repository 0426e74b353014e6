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

export interface Flooded {
  /** Milliseconds of a signed-in page. */
  idle: Latency
  flooded: Latency
  answers: FloodAnswers
  /** Megabytes of the server with the processes that stretch passwords. */
  memory: { before: number; after: number; most: number }
  /** Milliseconds of a core that the server's own process used for each page before, and for each sign-in and page meanwhile. */
  work: { idle: number; flooded: number }
  /** How long an owner on a known device took for both steps of signing in, in the middle of it; and where that led. */
  owner: { milliseconds: number; location: string }
}

export async function flood(perSecond: number, seconds: number): Promise<Flooded> {
  const server = await startChildServer({ TRUSTED_PROXIES: '127.0.0.1', LOG_LEVEL: 'error' })
  try {
    const reader = await signedIn(server, server.cast.dana)
    const owner = await signedIn(server, server.cast.maria)
    owner.cookies.delete('__Host-session')
    await letCodesCountAgain(server)
    await latencyFor(1, reader) // what is slow only the first time
    const used = () => secondsUsedBy(server.pid()) * 1000
    const start = used()
    const idle = await latencyFor(Math.max(2, seconds / 2), reader)
    const between = used()
    const memory = watchMemory(server)
    const [answers, flooded, owned] = await Promise.all([
      send(server, perSecond, seconds),
      latencyFor(seconds, reader),
      pause(seconds * 500).then(() => timedSignIn(server, owner)),
    ])
    const work = {
      idle: (between - start) / idle.asked,
      flooded: (used() - between) / (answers.sent + flooded.asked),
    }
    return { idle, flooded, answers, memory: memory.stop(), work, owner: owned }
  } finally {
    await server.stop()
  }
}

async function send(server: ChildServer, perSecond: number, seconds: number): Promise<FloodAnswers> {
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

async function latencyFor(seconds: number, reader: Visitor): Promise<Latency> {
  const times: number[] = []
  const end = performance.now() + seconds * 1000
  while (performance.now() < end) {
    const start = performance.now()
    const { status } = await reader.ask('/messages')
    if (status !== 200) throw new Error(`the page was answered with ${status}`)
    times.push(performance.now() - start)
    await pause(10)
  }
  times.sort((a, b) => a - b)
  const at = (part: number) => times[Math.min(times.length - 1, Math.floor(times.length * part))]!
  return { asked: times.length, p50: at(0.5), p99: at(0.99) }
}

async function timedSignIn(server: ChildServer, owner: Visitor) {
  const start = performance.now()
  const { location } = await owner.signIn(server.cast.maria)
  return { milliseconds: performance.now() - start, location }
}

function watchMemory(server: ChildServer) {
  const look = () =>
    [server.pid(), ...stretchingProcesses(server.pid())].reduce((sum, pid) => sum + megabytesOf(pid), 0)
  const before = look()
  let most = before
  const watch = setInterval(() => {
    try {
      most = Math.max(most, look())
    } catch {
      // One of them has ended since it was listed.
    }
  }, 200)
  return {
    stop() {
      clearInterval(watch)
      return { before, after: look(), most }
    },
  }
}
