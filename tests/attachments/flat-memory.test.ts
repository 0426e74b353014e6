/** The short form of `npm run files`: what a large file costs in memory, and that it comes back whole. Times are for the bench. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileFlow } from './file-flow.ts'

test('a large file goes up as one form and in pieces, and down again, in at most 64 MB more than an idle server has', async () => {
  const { growth } = await fileFlow(192 * 1024 * 1024, 1)
  for (const [way, megabytes] of Object.entries(growth)) assert.ok(megabytes <= 64, `${way}: ${megabytes} MB`)
})
