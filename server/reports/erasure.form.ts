import { z } from 'zod'
import { readEmailAddress } from '../accounts/email-address.ts'
import { isId } from '../lib/ids.ts'

export const LONGEST_REASON = 500

const reason = z
  .string()
  .refine((text) => text.trim() !== '', 'reports:erasure.errors.reason')
  .refine((text) => [...text].length <= LONGEST_REASON, 'reports:erasure.errors.long')

/** Which message: its id, as the access log shows it. */
export const findMessage = {
  message: z.string().refine((text) => isId(text.trim()), 'reports:erasure.errors.message'),
}

/** Erasing: why, and the word that nobody types by mistake. */
export const erasing = {
  reason,
  word: z.string().refine((text) => text.trim().toLowerCase() === 'erase', 'reports:erasure.errors.word'),
}

export const HELD_THINGS = ['message', 'thread', 'account'] as const

/** A legal hold: what it is on, and why. Which of the two names is needed follows from what. */
export const holding = {
  what: z.enum(HELD_THINGS, { error: 'reports:holds.errors.what' }),
  message: z.string(),
  email: z.string(),
  reason,
}

export const lifting = { reason }

/** @returns what is wrong with the name of the thing, if anything is */
export function nameProblem({ what, message, email }: { what: string; message: string; email: string }) {
  if (what === 'account')
    return readEmailAddress(email) ? undefined : { field: 'email', key: 'reports:holds.errors.email' }
  return isId(message.trim()) ? undefined : { field: 'message', key: 'reports:erasure.errors.message' }
}
