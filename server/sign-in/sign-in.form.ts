import { z } from 'zod'
import { readEmailAddress } from '../accounts/email-address.ts'

const password = z.string().min(1, 'sign-in:signIn.errors.password').max(1000, 'sign-in:signIn.errors.password')

/** Sign-in by address. */
export const signInByEmail = {
  email: z.string().refine((text) => readEmailAddress(text) !== undefined, 'sign-in:signIn.errors.email'),
  password,
}

/** Sign-in by a notice's link, which says whose it is. */
export const signInByLink = { link: z.string().max(100), password }

/**
 * A new password: 12 to 128 characters of any kind (counted as a person counts them), no rules of composition; not one character again and
 * again, and not made of the person's own words.
 */
export function newPassword(ownWords: readonly string[]) {
  const length = (text: string) => [...text.normalize('NFC')].length
  return {
    password: z
      .string()
      .min(1, 'sign-in:password.errors.empty')
      .refine((text) => text.length === 0 || length(text) >= 12, 'sign-in:password.errors.short')
      .refine((text) => length(text) <= 128, 'sign-in:password.errors.long')
      .refine((text) => !isEasy(text, ownWords), 'sign-in:password.errors.common'),
  }
}

const WELL_KNOWN =
  /^(.{1,8})\1+$|^(0123456789|1234567890|abcdefghij|qwertyuiop|password|letmein|welcome|iloveyou)[\W\d]*$/i

function isEasy(text: string, ownWords: readonly string[]): boolean {
  const small = text.toLowerCase()
  const rest = ownWords
    .filter((word) => word.length > 2)
    .reduce((left, word) => left.replaceAll(word.toLowerCase(), ''), small)
  return WELL_KNOWN.test(small) || (rest.length < 6 && rest.length < small.length)
}
