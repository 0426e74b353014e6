import { z } from 'zod'
import type { Account } from '../accounts/account.store.ts'
import { readEmailAddress } from '../accounts/email-address.ts'
import { newPassword, ownWordsOf } from './sign-in.form.ts'

/** Whose password was forgotten. */
export const forgottenOf = {
  email: z.string().refine((text) => readEmailAddress(text) !== undefined, 'sign-in:signIn.errors.email'),
}

/** A new password with a second factor: a code from the app, or a recovery code. */
export function resetForm(account: Account) {
  return {
    ...newPassword(ownWordsOf(account)),
    code: z
      .string()
      .refine((text) => text.trim() !== '', 'sign-in:reset.errors.empty')
      .max(100, 'sign-in:reset.errors.wrong'),
  }
}

/** What opens messages from before a new sign-in. */
export const earlierCode = {
  code: z
    .string()
    .refine((text) => text.trim() !== '', 'sign-in:recoveryCode.errors.empty')
    .max(100, 'sign-in:recoveryCode.errors.wrong'),
}
export const earlierPassword = {
  password: z.string().min(1, 'sign-in:signIn.errors.password').max(1000, 'sign-in:signIn.errors.password'),
}
