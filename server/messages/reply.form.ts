import { z } from 'zod'

/** Characters of one message. */
export const LONGEST_BODY = 20_000

/** The text of a reply; a file alone is enough, which the page knows. */
export const replyText = { body: z.string().max(LONGEST_BODY, 'messages:reply.errors.long') }
