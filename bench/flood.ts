/**
 * npm run flood: five hundred sign-ins a second, and what that does to a page, to memory and to an owner who signs in. Ends with 1 when a goal of
 * performance is missed.
 */
import { readFileSync } from 'node:fs'
import { flood, type Memory } from '../tests/sign-in/flood.ts'

const [perSecond = 500, seconds = 15, rounds = 2] = process.argv.slice(2).map(Number)
const load = () => readFileSync('/proc/loadavg', 'utf8').split(' ').slice(0, 3).join(' ')
const before = load()
const { idle, flooded, answers, memory, work, stretched, owner } = await flood(perSecond, seconds, rounds)
const ms = (value: number) => `${value.toFixed(value < 10 ? 2 : 0)} ms`
const mb = ({ before, most, after }: Memory) =>
  `before ${before.toFixed()} MB, most ${most.toFixed()} MB, after ${after.toFixed()} MB`
const byStatus = Object.entries(answers.byStatus).map(([status, count]) => `${count} × ${status}`)
const goals: [string, boolean][] = [
  ['page p99 meanwhile under 300 ms', flooded.p99 < 300],
  ['no answer lost', answers.lost === 0],
  ['the flood was as quick as ordered', answers.sent >= 0.95 * perSecond * seconds * rounds],
  ['memory of the server grows by less than 150 MB', memory.server.most - memory.server.before < 150],
  ['memory of the stretching processes under 300 MB', memory.stretching.most < 300],
  ['the owner gets in within 5 s', owner.location === '/messages' && owner.milliseconds < 5_000],
]

process.stdout.write(`
load of the machine:          before ${before}, after ${load()}
${perSecond} sign-ins a second, ${rounds} × ${seconds} s: ${answers.sent} sent, ${byStatus.join(', ')}, ${answers.lost} lost
a signed-in page, idle:       p50 ${ms(idle.p50)}, p99 ${ms(idle.p99)} (${idle.asked} asked)
the same page meanwhile:      p50 ${ms(flooded.p50)}, p99 ${ms(flooded.p99)} (${flooded.asked} asked)
ratio:                        p50 ${(flooded.p50 / idle.p50).toFixed(1)}, p99 ${(flooded.p99 / idle.p99).toFixed(1)}
memory of the server:         ${mb(memory.server)}
memory of the two that stretch: ${mb(memory.stretching)}
the server's own work:        ${ms(work.page)} of a core for a page, ${ms(work.signIn)} for a sign-in of the flood
passwords stretched:          ${stretched.toFixed(1)} a second
an owner on a known device:   signed in after ${ms(owner.milliseconds)}, led to ${owner.location}

${goals.map(([goal, reached]) => `${reached ? 'reached' : 'MISSED '}  ${goal}`).join('\n')}
`)
process.exitCode = goals.every(([, reached]) => reached) ? 0 : 1
