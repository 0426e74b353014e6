import { z } from 'zod'
import { readEmailAddress } from '../accounts/email-address.ts'

/** Letters of any script, up to 80; nothing that breaks a line, hides, or turns the direction of what stands behind it. */
export const ownName = {
  name: z
    .string()
    .refine((text) => /[\p{L}\p{N}]/u.test(text), 'own-account:name.errors.empty')
    .refine(
      (text) => !/[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u.test(text),
      'own-account:name.errors.control',
    )
    .refine((text) => [...text.trim()].length <= 80, 'own-account:name.errors.long'),
}

export const newAddress = {
  email: z.string().refine((text) => readEmailAddress(text) !== undefined, 'own-account:address.errors.email'),
}
