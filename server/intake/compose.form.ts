import { z } from 'zod'
import { readForm, type FormError } from '../lib/form.ts'
import { readEmailAddress } from '../accounts/email-address.ts'
import { LONGEST_BODY } from '../messages/reply.form.ts'

/** A new message: one address, a subject of one line, a text. */
const newMessage = {
  to: z
    .string()
    .refine((text) => text.trim() !== '', 'intake:compose.errors.toEmpty')
    .refine((text) => text.trim() === '' || readEmailAddress(text) !== undefined, 'intake:compose.errors.toWrong'),
  subject: z
    .string()
    .refine((text) => text.trim() !== '', 'intake:compose.errors.subjectEmpty')
    .refine((text) => [...text].length <= 200, 'intake:compose.errors.subjectLong')
    .refine((text) => !/[\r\n\u0000]/.test(text), 'intake:compose.errors.subjectEmpty'),
  body: z.string().max(LONGEST_BODY, 'intake:compose.errors.bodyLong'),
}

/** What has to be put right before it can be sent; a file alone is enough of a message. */
export function messageErrors(text: object & { body: string }, files: number): FormError[] {
  const empty = text.body.trim() === '' && files === 0
  return [
    ...readForm(newMessage, text).errors,
    ...(empty ? [{ field: 'body', key: 'intake:compose.errors.bodyEmpty' }] : []),
  ]
}
