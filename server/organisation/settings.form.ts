import { z } from 'zod'
import { readForm, type FormError, type Read } from '../lib/form.ts'
import { isReadable, leastContrast, nearestReadable, readColour, type Scheme } from '../settings/brand-colour.ts'
import type { ChangedSettings } from '../settings/settings.ts'
import { wordProblem } from './notice-words.ts'
import { fieldsOf, type Field, type SectionName } from './sections.ts'

/** Those of one page. */
export type SectionValues = ChangedSettings

/** What was typed on the page of `section`, checked. */
export function readSection(section: SectionName, body: unknown): Read<SectionValues> {
  const fields = fieldsOf(section)
  const read = readForm(Object.fromEntries(fields.map((field) => [field.name, shapeOf(field)])), body)
  if (!read.values) return read
  const values = read.values as SectionValues
  const together = problemTogether(values)
  return together ? { values: undefined, errors: [together] } : { values, errors: [] }
}

function shapeOf(field: Field) {
  const { kind } = field
  if (kind === 'number') return numberShape(field)
  if (kind === 'colour') return colourShape(field.name === 'brandDark' ? 'dark' : 'light')
  if (kind === 'words') return wordsShape(field)
  const plain = z
    .string()
    .trim()
    .min(1, 'organisation:errors.empty')
    .refine((text) => !/\p{C}/u.test(text), 'organisation:errors.odd')
    .refine((text) => [...text].length <= field.longest!, {
      error: 'organisation:errors.long',
      params: { count: field.longest },
    })
  return kind === 'phone' ? plain.refine((text) => /\d/.test(text), 'organisation:errors.phone') : plain
}

function numberShape({ least, greatest }: Field) {
  const params = { least, greatest }
  return z
    .string()
    .trim()
    .refine((text) => /^\d{1,6}$/.test(text) && Number(text) >= least! && Number(text) <= greatest!, {
      error: 'organisation:errors.number',
      params,
    })
    .transform(Number)
}

/** A colour that cannot be read is not taken, and the nearest one that can be is named. */
function colourShape(scheme: Scheme) {
  return z
    .string()
    .trim()
    .superRefine((text, context) => {
      if (text === '') return
      const colour = readColour(text)
      if (!colour) return context.addIssue({ code: 'custom', message: 'organisation:errors.colour' })
      if (isReadable(colour, scheme)) return
      context.addIssue({
        code: 'custom',
        message: `organisation:errors.contrast.${scheme}`,
        params: { contrast: roundedDown(leastContrast(colour, scheme)), nearest: nearestReadable(colour, scheme) },
      })
    })
    .transform((text) => readColour(text) ?? '')
}

/** 4.49 is not 4.5. */
export function roundedDown(contrast: number): string {
  return (Math.floor(contrast * 100) / 100).toFixed(2)
}

function wordsShape({ name, longest }: Field) {
  return z
    .string()
    .trim()
    .superRefine((text, context) => {
      const problem = wordProblem(
        text,
        name === 'noticeSubject' ? { longest: longest!, mostWords: 9 } : { longest: longest! },
      )
      if (problem) context.addIssue({ code: 'custom', message: problem.key, params: problem.values })
    })
}

function problemTogether(values: SectionValues): FormError | undefined {
  const { keepLeastDays, keepMostDays, sessionHours, idleMinutes } = values
  if (typeof keepLeastDays === 'number' && keepLeastDays > Number(keepMostDays))
    return { field: 'keepMostDays', key: 'organisation:errors.keep' }
  if (typeof sessionHours === 'number' && Number(idleMinutes) > sessionHours * 60)
    return { field: 'sessionHours', key: 'organisation:errors.session' }
  return undefined
}
