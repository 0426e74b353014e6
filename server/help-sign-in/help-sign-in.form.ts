import { z } from 'zod'
import { readEmailAddress } from '../accounts/email-address.ts'
import { readHelpCode } from './help-code.ts'

/** The whole address of the person who called. */
export const findPerson = {
  email: z.string().refine((text) => readEmailAddress(text) !== undefined, 'help-sign-in:find.errors.email'),
}

export const IDENTITY_CHECKS = ['reached', 'knows', 'told'] as const
export const LONGEST_REASON = 500

const ticked = (name: string) => z.literal('yes', { error: `help-sign-in:ask.errors.${name}` })

/** Asking for help: every step of the identity check was done, and why it is needed. */
export const helpRequest = {
  reached: ticked('reached'),
  knows: ticked('knows'),
  told: ticked('told'),
  reason: z
    .string()
    .refine((text) => text.trim() !== '', 'help-sign-in:ask.errors.reason')
    .refine((text) => [...text].length <= LONGEST_REASON, 'help-sign-in:ask.errors.long'),
}

/** What the person types who was told a code. */
export const helpCode = {
  email: z.string().refine((text) => readEmailAddress(text) !== undefined, 'help-sign-in:code.errors.email'),
  code: z
    .string()
    .refine((text) => text.trim() !== '', 'help-sign-in:code.errors.empty')
    .refine((text) => text.trim() === '' || readHelpCode(text) !== undefined, 'help-sign-in:code.errors.short'),
}
