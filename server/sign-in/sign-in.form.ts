import { z } from 'zod'
import type { Account } from '../accounts/account.store.ts'
import { readEmailAddress } from '../accounts/email-address.ts'
import { config } from '../config.ts'
import { organisation } from '../settings/settings.ts'
import { BadInput } from '../errors.ts'
import { lengthOf, problemOf, SHORTEST } from './easy-password.ts'

const password = z
  .string()
  .min(1, 'sign-in:signIn.errors.password')
  .refine((text) => {
    // Far longer than any that we take: nothing that a person types.
    if (text.length > 1000) throw new BadInput('a password of this length')
    return true
  })

/** Sign-in by address. */
export const signInByEmail = {
  email: z.string().refine((text) => readEmailAddress(text) !== undefined, 'sign-in:signIn.errors.email'),
  password,
}

/** Sign-in by a notice's link, which says whose it is. */
export const signInByLink = { link: z.string().max(100), password }

/**
 * A new password, wherever one is set: 12 to 128 characters of any kind, none of the common ones, not made of the person's own words.
 * @param ownWords as `ownWordsOf` returns them
 */
export function newPassword(ownWords: readonly string[]) {
  return {
    password: z.string().superRefine((text, context) => {
      if (text.length > 1000) throw new BadInput('a password of this length')
      const problem = problemOf(text, ownWords)
      if (!problem) return
      const params = problem === 'short' ? { count: SHORTEST - lengthOf(text) } : {}
      context.addIssue({ code: 'custom', message: `sign-in:password.errors.${problem}`, params })
    }),
  }
}

/** What anybody who knows the person would try first: the parts of address and name, and the organisation's words. */
export function ownWordsOf({ email, name }: Pick<Account, 'email' | 'name'>): string[] {
    const texts = [email, name, organisation().name, new URL(config().baseUrl).hostname]
  return texts.flatMap((text) => text.split(/[^\p{L}\p{M}\p{N}]+/u)).filter(Boolean)
}
