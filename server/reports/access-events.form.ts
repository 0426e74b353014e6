import { z } from 'zod'
import { BadInput } from '../errors.ts'
import { readForm } from '../lib/form.ts'
import { isId } from '../lib/ids.ts'
import type { EventFilter } from './list-access-events.ts'

const day = z.string().regex(/^(\d{4}-\d{2}-\d{2})?$/)

const filter = {
  who: z.string().max(254),
  what: z.string().regex(/^([a-z-]+\.[a-z-]+)?$/),
  outcome: z.enum(['', 'done', 'denied', 'failed']),
  from: day,
  to: day,
  before: z.string(),
}

export interface EventForm {
  who: string
  what: string
  outcome: string
  from: string
  to: string
}

/** The filter of the log's page, from its address. Days are UTC, `to` included. @throws BadInput for what the page's form cannot send */
export function readEventFilter(query: unknown): { form: EventForm; filter: EventFilter } {
  const { values } = readForm(filter, query)
  if (!values) throw new BadInput('no such filter')
  const { what, before, ...form } = values
  const to = dayOf(values.to)
  return {
    form: { ...form, what },
    filter: {
      who: values.who,
      act: what,
      outcome: values.outcome,
      from: dayOf(values.from),
      to: to && new Date(to.getTime() + 24 * 60 * 60 * 1000),
      before: placeOf(before),
    },
  }
}

function dayOf(text: string): Date | undefined {
  if (!text) return undefined
  const date = new Date(`${text}T00:00:00Z`)
  if (Number.isNaN(date.getTime())) throw new BadInput('no such day')
  return date
}

function placeOf(text: string): EventFilter['before'] {
  if (!text) return undefined
  const [, at, id] = /^(\d{1,15})\.(.+)$/.exec(text) ?? []
  if (!at || !isId(id)) throw new BadInput('no such page')
  return { at: new Date(Number(at)), id }
}
