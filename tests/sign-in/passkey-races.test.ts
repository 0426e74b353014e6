import { test } from 'node:test'
import { racePasskeyChallenge } from './races/passkey-challenge.ts'

test('Exactly one of fifty that send the same answer of a passkey at once over two processes enrols, and one signs in', () =>
  racePasskeyChallenge(3))
