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
    // A ratio: where other work takes the cores the idle page is slow too. The goal of 300 ms is measured by the long form, and not reached yet.
    assert.ok(flooded.p99 < 60 * idle.p99, `p99 ${flooded.p99.toFixed()} ms, idle ${idle.p99.toFixed()} ms`)
    // What a busy machine does not change: a sign-in that is refused costs a small part of a page.
    assert.ok(work.flooded < work.idle / 2, `${work.flooded.toFixed(1)} and ${work.idle.toFixed(1)} ms of a core`)
    assert.ok(answers.sent > 1_500, `${answers.sent} were sent`)
    assert.equal(answers.lost, 0)
    const counted = Object.values(answers.byStatus).reduce((sum, count) => sum + count, 0)
    assert.equal(counted, answers.sent)
    assert.deepEqual(
      Object.keys(answers.byStatus).filter((status) => !['303', '422', '429'].includes(status)),
      [],
    )
    // Two runs of 64 MiB, and what a few thousand requests leave until they are collected.
    assert.ok(memory.most - memory.before < 500, `from ${memory.before.toFixed()} to ${memory.most.toFixed()} MB`)
    assert.equal(owner.location, '/messages')
  },
)
