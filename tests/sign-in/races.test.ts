/**
 * Whatever is good once, asked for fifty times at once over two processes: a round of each race, and two where the second is another one. `npm
 * run races` makes as many rounds as one likes.
 */
import { after, before, test } from 'node:test'
import { startTwoProcesses, type TwoProcesses } from '../support/second-process.ts'
import { raceAccessCode } from './races/access-code.ts'
import { raceAddressChange } from './races/address-change.ts'
import { raceHelpCode } from './races/help-code.ts'
import { racePasskeyChallenge } from './races/passkey-challenge.ts'
import { raceResetLink } from './races/reset-link.ts'

let both: TwoProcesses
before(async () => {
  both = await startTwoProcesses()
})
after(async () => {
  await both?.second.stop()
  await both?.server.stop()
})

test('an access code typed fifty times at once on two processes lets one browser in', () => raceAccessCode(1, both))

test('9. Address-change link used twice, 50 in parallel on two processes -> one success', () =>
  raceAddressChange(1, both))

test('9. Reset link used 50 times in parallel on two processes -> one success, and one second factor used up', () =>
  raceResetLink(2, both))

test('41. Help with a sign-in, fifty at once on two processes: one approval, one use of a code, one new sign-in', () =>
  raceHelpCode(1, both))

test('Exactly one of fifty that send the same answer of a passkey at once over two processes enrols, and one signs in', () =>
  racePasskeyChallenge(1, both))
