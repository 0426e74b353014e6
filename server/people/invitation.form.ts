import { z } from 'zod'
import { isId } from '../lib/ids.ts'
import { readEmailAddress } from '../accounts/email-address.ts'

const line = (key: string) =>
  z
    .string()
    .refine((text) => !/[\r\n\u0000]/.test(text), key)
    .refine((text) => [...text].length <= 100, 'accounts:invite.errors.long')

/** An invitation of a colleague. A provider needs a team: one that exists, or the name of a new one. */
export const invitation = {
  name: line('accounts:invite.errors.name').refine((text) => text.trim() !== '', 'accounts:invite.errors.name'),
  email: z.string().refine((text) => readEmailAddress(text) !== undefined, 'accounts:invite.errors.email'),
  role: z.enum(['provider', 'admin', 'auditor'], { error: 'accounts:invite.errors.role' }),
  team: z.string().refine((text) => text === '' || isId(text), 'accounts:invite.errors.team'),
  newTeam: line('accounts:invite.errors.team'),
}

export interface InvitationForm {
  name: string
  email: string
  role: 'provider' | 'admin' | 'auditor'
  team: string
  newTeam: string
}

/** A part of a name or address. */
export const searching = {
  text: line('accounts:invite.errors.long').refine((text) => text.trim() !== '', 'people:errors.search'),
}
