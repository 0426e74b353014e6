import { test } from 'node:test'
import { raceResetLink } from './races/reset-link.ts'

test('9. Reset link used 50 times in parallel on two processes -> one success, and one second factor used up', () =>
  raceResetLink(3))
