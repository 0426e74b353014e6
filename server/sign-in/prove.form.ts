import { z } from 'zod'

export const proof = {
  password: z.string().min(1, 'sign-in:prove.errors.password').max(1000, 'sign-in:prove.errors.wrong-password'),
  code: z
    .string()
    .refine((text) => text.trim() !== '', 'sign-in:prove.errors.code')
    .max(100, 'sign-in:prove.errors.wrong-code'),
}
