import { z } from 'zod'

/** What somebody calls one of their passkeys. */
export const passkeyName = {
  name: z.string().trim().min(1, 'passkeys:list.errors.name').max(60, 'passkeys:list.errors.longName'),
}
