import { test } from 'node:test'
import { raceAccessCode } from '../sign-in/races/access-code.ts'

test('an access code typed fifty times at once on two processes lets one browser in, three rounds long', () =>
  raceAccessCode(3))
