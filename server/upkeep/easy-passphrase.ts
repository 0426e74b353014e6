/** Passphrases of what leaves the house: whoever has the file may guess as long as they like. */
import { organisation } from '../settings/settings.ts'
import { lengthOf, problemOf } from '../sign-in/easy-password.ts'

/** @throws Error with a sentence when others would find this passphrase sooner or later */
export function refuseEasyPassphrase(passphrase: string) {
  const problem = problemOf(passphrase, ['letterlock', ...organisation().name.toLowerCase().split(/\s+/)])
  if (problem === 'long') throw new Error('The passphrase has at most 128 characters. Nothing was written.')
  if (lengthOf(passphrase) < SHORTEST)
    throw new Error(
      `The passphrase has at least ${SHORTEST} characters: five words that nobody would put together are good. Nothing was written.`,
    )
  if (problem)
    throw new Error(
      'This passphrase is easy to guess for whoever has the file and time: it is a common one, or little is left of it without your own name, runs and repeats. Nothing was written.',
    )
}

const SHORTEST = 16
