/**
 * npm run sign-ins: how many passwords a second are checked at the front door, beside argon2 alone on the same cores; and what is left of another
 * page's speed while as many as possible are. Calm and load take turns; the median of the rounds counts.
 */
import { readFileSync } from 'node:fs'
import { startChildServer } from '../tests/faults/child-server.ts'
import { latencyOf, send, timesOf } from '../tests/sign-in/flood.ts'
import { letCodesCountAgain, signedIn } from '../tests/support/visitor.ts'
import { endStretching, stretchPassword } from '../server/sign-in/stretch-password.ts'

const [rounds = 5, seconds = 4] = process.argv.slice(2).map(Number)
/** More than two cores can check, and little enough to be no flood. */
const PER_SECOND = 40
const load = () => readFileSync('/proc/loadavg', 'utf8').split(' ').slice(0, 3).join(' ')
const before = load()
const server = await startChildServer({ TRUSTED_PROXIES: '127.0.0.1', LOG_LEVEL: 'error' })
const seen = { alone: [] as number[], signIns: [] as number[], idle: [] as number[][], meanwhile: [] as number[][] }
try {
  const reader = await signedIn(server, server.cast.dana)
  await timesOf(reader, 1, 0)
  for (let round = 0; round < rounds; round++) {
    seen.alone.push(await argon2Alone())
    await letCodesCountAgain(server)
    seen.signIns.push(await signInsASecond())
    seen.idle.push(await timesOf(reader, seconds, 0))
    await letCodesCountAgain(server)
    const [times] = await Promise.all([timesOf(reader, seconds, 0), signInsASecond()])
    seen.meanwhile.push(times)
  }
} finally {
  await endStretching()
  await server.stop()
}

/** Runs a second in the same two processes, with nothing around them. */
async function argon2Alone(): Promise<number> {
  const run = {
    password: Buffer.from('three random words'),
    salt: Buffer.alloc(16),
    memory: 65536,
    passes: 3,
    lanes: 1,
  }
  const start = performance.now()
  const end = start + seconds * 1000
  let done = 0
  const inTurn = async () => {
    for (; performance.now() < end; done++) await stretchPassword('unknown-device', run)
  }
  // Three for two places: one always waits.
  await Promise.all([inTurn(), inTurn(), inTurn()])
  return done / ((performance.now() - start) / 1000)
}

async function signInsASecond(): Promise<number> {
  const start = performance.now()
  const { byStatus } = await send(server, PER_SECOND, seconds)
  return (byStatus['422'] ?? 0) / ((performance.now() - start) / 1000)
}

const median = (values: number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!
const spread = (values: number[], digits = 2) =>
  `${median(values).toFixed(digits)} (${Math.min(...values).toFixed(digits)} to ${Math.max(...values).toFixed(digits)})`
const ratios = (above: number[], below: number[]) => above.map((value, round) => value / below[round]!)
const pages = (times: number[][]) => times.map((each) => each.length / seconds)
const p99 = (times: number[][]) => times.map((each) => latencyOf(each).p99)

process.stdout.write(`
load of the machine:            before ${before}, after ${load()}
argon2 alone, both processes:   ${spread(seen.alone, 1)} a second
sign-ins at the front door:     ${spread(seen.signIns, 1)} a second
a page, one after the other:    ${spread(pages(seen.idle), 1)} a second idle, ${spread(pages(seen.meanwhile), 1)} meanwhile
its p99:                        ${spread(p99(seen.idle), 0)} ms idle, ${spread(p99(seen.meanwhile), 0)} ms meanwhile

sign-ins / argon2 alone         ${spread(ratios(seen.signIns, seen.alone))}, goal 0.9 at least
pages meanwhile / idle          ${spread(ratios(pages(seen.meanwhile), pages(seen.idle)))}, goal 0.8 at least
p99 meanwhile / idle            ${spread(ratios(p99(seen.meanwhile), p99(seen.idle)))}, goal 2 at most
`)
