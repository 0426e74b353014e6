import { z } from 'zod'

export const LONGEST_NOTE = 1000

/** What somebody found or did. */
export const noting = {
  note: z
    .string()
    .refine((text) => text.trim() !== '', 'alarms:errors.note')
    .refine((text) => [...text].length <= LONGEST_NOTE, 'alarms:errors.long'),
}
