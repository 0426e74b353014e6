/** npm run flood: five hundred sign-ins a second for half a minute, and what that does to a page, to memory and to an owner who signs in. */
import { flood } from '../tests/sign-in/flood.ts'

const [perSecond = 500, seconds = 30] = process.argv.slice(2).map(Number)
const { idle, flooded, answers, memory, work, owner } = await flood(perSecond, seconds)
const ms = (value: number) => `${value.toFixed(1)} ms`
const mb = (value: number) => `${value.toFixed()} MB`
const byStatus = Object.entries(answers.byStatus).map(([status, count]) => `${count} × ${status}`)

process.stdout.write(`
${perSecond} sign-ins a second for ${seconds} s: ${answers.sent} sent, ${byStatus.join(', ')}, ${answers.lost} lost
a signed-in page, idle:      p50 ${ms(idle.p50)}, p99 ${ms(idle.p99)} (${idle.asked} asked)
the same page meanwhile:     p50 ${ms(flooded.p50)}, p99 ${ms(flooded.p99)} (${flooded.asked} asked)
ratio:                       p50 ${(flooded.p50 / idle.p50).toFixed(1)}, p99 ${(flooded.p99 / idle.p99).toFixed(1)}
memory, server and argon2:   before ${mb(memory.before)}, most ${mb(memory.most)}, after ${mb(memory.after)}
the server's own work:       ${ms(work.idle)} of a core for a page before, ${ms(work.flooded)} for a sign-in or page meanwhile
an owner on a known device:  signed in after ${ms(owner.milliseconds)}, led to ${owner.location}
`)
