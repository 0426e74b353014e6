/** Forms: parsed and checked input, or its errors. zod is used by the `*.form.ts` files; this is how a body goes through them. */
import { z } from 'zod'
import { BadInput } from '../errors.ts'

export interface FormError {
  field: string
  /** A key of the words' catalogue. */
  key: string
  /** What its words have holes for. */
  values?: Record<string, unknown>
}

export type Read<Values> = { values: Values; errors: [] } | { values: undefined; errors: FormError[] }

/**
 * Reads `body` by `shape`. A field that is missing counts as empty; one that is not a text (an array, an object) fits no page of ours and is
 * a BadInput. The message of each check in `shape` is a key of the words' catalogue.
 */
export function readForm<Shape extends z.ZodRawShape>(shape: Shape, body: unknown): Read<z.infer<z.ZodObject<Shape>>> {
  const given = (body ?? {}) as Record<string, unknown>
  const texts = Object.fromEntries(Object.keys(shape).map((name) => [name, typed(given, name)]))
  const result = z.object(shape).safeParse(texts)
  if (result.success) return { values: result.data as z.infer<z.ZodObject<Shape>>, errors: [] }
  const first = new Map(result.error.issues.toReversed().map((issue) => [String(issue.path[0]), toldBy(issue)]))
  return {
    values: undefined,
    errors: Object.keys(shape)
      .filter((name) => first.has(name))
      .map((field) => ({ field, ...first.get(field)! })),
  }
}

function toldBy(issue: z.core.$ZodIssue): Omit<FormError, 'field'> {
  const values = issue.code === 'custom' ? issue.params : undefined
  return { key: issue.message, ...(values && Object.keys(values).length > 0 ? { values } : {}) }
}

/** What was typed into `name`, to show it again. @throws BadInput when it is not a text */
export function typed(body: unknown, name: string): string {
  const value = Object.hasOwn((body ?? {}) as object, name) ? (body as Record<string, unknown>)[name] : ''
  if (typeof value !== 'string') throw new BadInput('a field is not a text')
  return value
}

/** All values of a field that may stand several times (checkboxes). @throws BadInput */
export function typedList(body: unknown, name: string): string[] {
  const value = Object.hasOwn((body ?? {}) as object, name) ? (body as Record<string, unknown>)[name] : []
  const list = [value].flat()
  if (!list.every((each) => typeof each === 'string')) throw new BadInput('a field is not a text')
  return list
}
