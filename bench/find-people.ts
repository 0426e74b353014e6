/**
 * npm run find-people: what it takes to find people by a part of their name among 10,000 whose names and addresses are sealed, with nothing kept
 * of them. Fictitious people in a database of its own.
 */
import { startTestServer } from '../tests/support/server.ts'

const PEOPLE = 10_000
const server = await startTestServer()
try {
  const { findPeople } = await import('../server/accounts/find-people.ts')
  const { insertAccount } = await import('../server/accounts/account.store.ts')
  const { inTransaction } = await import('../server/database/connection.ts')
  const { newId } = await import('../server/lib/ids.ts')
  const now = new Date()
  for (let made = 0; made < PEOPLE; made += 500)
    await inTransaction(async (transaction) => {
      for (let each = made; each < made + 500; each++) {
        const person = { id: newId(now), role: 'patient' as const, invitedAt: now }
        const email = `person.${each}.fictitious@mail.example`
        await insertAccount({ ...person, email, name: `Person Number ${each}, fictitious` }, transaction)
      }
    })
  const wanted = { roles: ['patient'] as const, limit: 25 }
  for (const text of ['number 9999,', 'nobody has this', 'number 1']) {
    const times: number[] = []
    const began = process.cpuUsage()
    let found = 0
    let longest = 0
    for (let round = 0; round < 7; round++) {
      let last = performance.now()
      const watch = setInterval(() => {
        longest = Math.max(longest, performance.now() - last)
        last = performance.now()
      }, 1)
      const before = performance.now()
      found = (await findPeople(text, wanted)).length
      times.push(performance.now() - before)
      clearInterval(watch)
    }
    const { user, system } = process.cpuUsage(began)
    const middle = times.sort((one, other) => one - other)[3]!
    const said = `${found} found in ${middle.toFixed(0)} ms (middle of 7), ${((user + system) / 7000).toFixed(0)} ms of processor each, others waited ${longest.toFixed(0)} ms at most`
    process.stdout.write(`"${text}" among ${PEOPLE}: ${said}\n`)
  }
} finally {
  await server.stop()
}
process.exit(0)
