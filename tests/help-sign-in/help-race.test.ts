import { test } from 'node:test'
import { raceHelpCode } from '../sign-in/races/help-code.ts'

test('41. Help with a sign-in, fifty at once on two processes: one approval, one use of a code, one new sign-in', () =>
  raceHelpCode(3))
