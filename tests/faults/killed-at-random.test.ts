/** The short form of `npm run faults`; the other kinds are killed a few times by the tests of backups and of changing the master key. */
import { describe, test } from 'node:test'
import { KINDS } from './kills/kinds.ts'

describe('Killed at random moments, nothing acknowledged is lost and nothing is left clear', () => {
  for (const name of ['uploads', 'erasures']) test(`of ${name}`, async (t) => t.diagnostic(await KINDS[name]!(2)))
})
