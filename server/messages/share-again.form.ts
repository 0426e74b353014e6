import { z } from 'zod'

/** Letting somebody read again: whoever does it says that they made sure who it is. `version` is the sign-in that the page told of. */
export const sharing = {
  sure: z.literal('yes', { error: 'messages:shareAgain.errors.sure' }),
  version: z.string().regex(/^\d{1,9}$/, 'messages:shareAgain.errors.sure'),
}
