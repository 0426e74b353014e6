/**
 * npm run reports-bench [-- EVENTS]: the long form of tests/reports/large-export.test.ts. So many events (1,000,000; item 156 of what must fail asks for
 * 10,000,000) are made in the database and exported, and the reports on one patient and on a breach are asked for among them. The heap is held to
 * 128 MiB in all (package.json): an export that gathered its lines would end the process.
 */
import { loadavg } from 'node:os'
import { exportFlow } from '../tests/reports/export-flow.ts'
import { makeManyEvents } from '../tests/reports/many-events.ts'
import { everybodyIn, writeTo } from '../tests/support/letters.ts'
import { startTestServer } from '../tests/support/server.ts'

const count = Number(process.argv[2] ?? 1_000_000)
const say = (line: string) => process.stdout.write(`${line}\n`)
const load = () => `load ${loadavg()[0]!.toFixed(1)}`
const server = await startTestServer()

try {
  const { findAccountByEmail } = await import('../server/accounts/account.store.ts')
  const { sheetOf, sixYearsBefore } = await import('../server/reports/sheets.ts')
  const { findTouched } = await import('../server/reports/find-touched.ts')
  const { cast } = server
  const { dana } = await everybodyIn(server, { dana: cast.dana })
  const mine = await writeTo(dana, { to: cast.maria.email })
  const idOf = async (email: string) => (await findAccountByEmail(email))!.id
  const [maria, sam] = [await idOf(cast.maria.email), await idOf(cast.sam.email)]
  // A five-hundredth of all events is about one patient; the messages of the others are nobody's here.
  const others = Array.from({ length: 499 }, () => crypto.randomUUID())
  let began = performance.now()
  const took = () => `${((performance.now() - began) / 1000).toFixed(1)} s (${load()})`
  await makeManyEvents(server, count, [mine, ...others], [sam, await idOf(cast.dana.email), maria])
  say(`${count} events were made in ${took()}.`)

  const now = new Date()
  const read = async (kind: 'accesses' | 'disclosures') => {
    let rows = 0
    began = performance.now()
    const sheet = await sheetOf({ kind, filter: { patientId: maria }, askedAt: now })
    for await (const page of sheet.rows()) rows += page.length
    say(`${kind} of one patient over six years: ${rows} lines in ${took()}.`)
  }
  await read('accesses')
  await read('disclosures')

  const days = (number: number) => new Date(now.getTime() - number * 86_400_000)
  for (const [what, filter] of [
    ['an account over 30 days', { actorId: sam, from: days(30), to: now }],
    ['an account over six years', { actorId: sam, from: sixYearsBefore(now), to: now }],
    [
      'a network address over six years, every event opened',
      { address: '192.0.2.7', from: sixYearsBefore(now), to: now },
    ],
  ] as const) {
    began = performance.now()
    const touched = await findTouched(filter)
    say(`Touched by ${what}: ${touched.length} patients or conversations of staff in ${took()}.`)
  }

  const { rows, bytes, seconds, held, growth, isWhole } = await exportFlow(server, 'csv', 4 * 60 * 60 * 1000)
  say(
    `Exported ${rows} lines, ${(bytes / 2 ** 20).toFixed(0)} MB as CSV in ${seconds.toFixed(0)} s holding at most ${held} MB more, ${growth} MB more as the system sees it (${load()}); ${isWhole ? 'whole' : 'NOT WHOLE'}.`,
  )
  process.exitCode = isWhole && growth <= 128 ? 0 : 1
} finally {
  await server.stop()
}
