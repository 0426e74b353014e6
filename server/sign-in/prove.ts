/** Proving once more who one is, inside a session: everything that the sign-in asks for, counted with its tries. */
import type { Account } from '../accounts/account.store.ts'
import type { Actor } from '../audit/actor.ts'
import { record, recordDenied } from '../audit/record.ts'
import { inTransaction } from '../database/connection.ts'
import { countAddress } from './address-tries.ts'
import { findCredential, spendStep } from './credential.store.ts'
import { knownDeviceOf } from './known-device.ts'
import { readCode, stepOfCode } from './one-time-code.ts'
import { checkPassword } from './password.ts'
import { codeTriesADay, passwordTries } from './tries.ts'

export type Proof = 'proved' | 'wrong-password' | 'wrong-code'

/**
 * The password and a code from the app, together. A right code is used up whatever the password was, so that nobody who saw it on its way can
 * use it again, and a wrong password says nothing about the code.
 * @throws SlowDown
 */
export async function proveByPasswordAndCode(
  actor: Actor,
  account: Account,
  given: { password: string; code: string },
  now = new Date(),
): Promise<Proof> {
  const device = await knownDeviceOf(actor, account.id, now)
  if (!device) await countAddress(actor)
  await passwordTries.count(account.id, device)
  await codeTriesADay.count(account.id, device)
  const credential = await findCredential(account.id)
  const right = (await checkPassword(given.password, account.id, credential?.password, 'known-device')) !== undefined
  const code = readCode(given.code)
  const step =
    code && credential?.totpSecret && (await stepOfCode(credential.totpSecret, code, credential.totpLastStep, now))
  const proof = await inTransaction(async (transaction): Promise<Proof> => {
    const spent = step ? await spendStep(account.id, step, transaction) : false
    if (!right) return 'wrong-password'
    if (!spent) return 'wrong-code'
    await record(actor, { act: 'identity.proved' }, transaction, now)
    return 'proved'
  })
  if (proof === 'proved')
    await Promise.all([passwordTries, codeTriesADay].map((tries) => tries.giveBack(account.id, device)))
  else await recordDenied(actor, 'identity.prove-refused', { kind: 'account', id: account.id }, proof)
  return proof
}
