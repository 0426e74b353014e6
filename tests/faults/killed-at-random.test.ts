/** The short form of `npm run faults`. */
import { describe, test } from 'node:test'
import { KINDS } from './kills/kinds.ts'

describe('Killed at random moments, nothing acknowledged is lost and nothing is left clear', () => {
  for (const [name, kill] of Object.entries(KINDS)) test(`of ${name}`, async (t) => t.diagnostic(await kill(2)))
})
