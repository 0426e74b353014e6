/** The short form of `npm run flood`: five hundred sign-ins a second, and everybody else goes on. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { flood } from './flood.ts'

const linux = { skip: process.platform === 'linux' ? false : 'it reads the memory of processes from /proc' }

test(
  'a flood of 500 sign-ins a second leaves other pages alive and memory bounded, loses no answer, and the owner gets in',
  linux,
  async (t) => {
    const { idle, flooded, answers, memory, work, owner } = await flood(500, 5)
    t.diagnostic(JSON.stringify({ idle, flooded, answers, memory, work, owner }))
    // Where other work takes the cores the idle page is slow too. `npm run flood` holds the 300 ms alone.
    assert.ok(flooded.p99 < Math.max(300, 30 * idle.p99), `p99 ${flooded.p99.toFixed()}, idle ${idle.p99.toFixed()} ms`)
    // What a busy machine does not change: a sign-in of the flood costs a small part of a page.
    assert.ok(work.signIn < work.page / 8, `${work.signIn.toFixed(2)} and ${work.page.toFixed(1)} ms of a core`)
    assert.ok(answers.sent > 1_500, `${answers.sent} were sent`)
    assert.equal(answers.lost, 0)
    const counted = Object.values(answers.byStatus).reduce((sum, count) => sum + count, 0)
    assert.equal(counted, answers.sent)
    assert.deepEqual(
      Object.keys(answers.byStatus).filter((status) => !['303', '422', '429'].includes(status)),
      [],
    )
    // Bounded: what a few thousand requests leave until they are collected, and two processes with a run of 64 MiB each.
    const grown = memory.server.most - memory.server.before
    assert.ok(grown < 150, `the server grew by ${grown.toFixed()} MB`)
    assert.ok(memory.stretching.most < 300, `${memory.stretching.most.toFixed()} MB for stretching`)
    assert.equal(owner.location, '/messages')
  },
)
