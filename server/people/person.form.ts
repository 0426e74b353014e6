import { z } from 'zod'
import { isId } from '../lib/ids.ts'
import { STAFF_ROLES } from './change-role.ts'

export const LONGEST_REASON = 500

const reason = z
  .string()
  .refine((text) => text.trim() !== '', 'people:errors.reason')
  .refine((text) => [...text].length <= LONGEST_REASON, 'people:errors.long')

/** Suspending, giving back: why. */
export const withReason = { reason }

/** Closing: why, and the tick that nobody sets by mistake. */
export const closing = { reason, sure: z.literal('yes', { error: 'people:errors.sure' }) }

export const changingRole = { role: z.enum(STAFF_ROLES, { error: 'people:errors.role' }), reason }

/** A team or a colleague: `team.<id>` or `account.<id>`. */
export const handingOver = {
  to: z.string().refine((text) => {
    const [kind, id] = text.split('.')
    return ['team', 'account'].includes(kind ?? '') && isId(id)
  }, 'people:errors.to'),
  reason,
}

const name = z
  .string()
  .refine((text) => text.trim() !== '' && !/[\r\n\u0000]/.test(text), 'people:errors.teamName')
  .refine((text) => [...text].length <= 100, 'people:errors.teamLong')

export const naming = { name }
export const joining = { account: z.string().refine(isId, 'people:errors.account') }
