/** Of fifty requests at one moment, over two processes, one confirms, one changes and one takes back. */
import { test } from 'node:test'
import { raceAddressChange } from '../sign-in/races/address-change.ts'

test('9. Address-change link used twice, 50 in parallel on two processes -> one success', () => raceAddressChange(3))
