/** Which events of the access log somebody looks for: ids and keyed digests only, so that it can stand in an address. Pure. */
import { ACTS, type Act } from '../audit/acts.ts'
import { BadInput } from '../errors.ts'
import { typed } from '../lib/form.ts'
import { isId } from '../lib/ids.ts'

export interface EventFilter {
  /** Whoever acted: an account's id. */
  who?: string
  /** An act, or the name of a group of acts. */
  what?: string
  /** Whose account, messages and files it was done with: an account's id. */
  patient?: string
  outcome?: Outcome
  /** Keyed digest of a network address, in base64url; see audit/address-digest.ts. */
  network?: string
  /** How long back from now. */
  period?: Period
  /** Days (UTC), `to` included; where there is one of them `period` is absent. */
  from?: string
  to?: string
}

export const OUTCOMES = ['done', 'denied', 'failed'] as const
export type Outcome = (typeof OUTCOMES)[number]

/** In days. What is shown when nobody asks for another time is three months. */
export const PERIODS = ['1', '7', '30', '90', 'all'] as const
export type Period = (typeof PERIODS)[number]
export const DEFAULT_PERIOD: Period = '90'

/** Acts that are looked for together: those that are named, and those that begin so. */
const GROUPS = {
  openings: ['message.opened', 'attachment.previewed', 'attachment.downloaded'],
  messages: ['message.', 'thread.', 'threads.', 'attachment.', 'notice.', 'receipt.', 'link.', 'inbox.'],
  'sign-ins': ['account.signed-in', 'account.signed-out', 'session.', 'device.', 'identity.proved'],
  refusals: [
    'sign-in.',
    'identity.prove-refused',
    'enrolment.refused',
    'access-code.refused',
    'help.refused',
    'page.refused',
    'password.reset-refused',
    'address.change-refused',
    'recovery-key.refused',
    'account.access-refused',
  ],
  ways: [
    'password.',
    'code-app.',
    'passkey.',
    'recovery-codes.',
    'sign-on.',
    'address.c',
    'help.',
    'access-code.',
    'security-notice.',
  ],
  people: [
    'account.',
    'people.',
    'people-list.',
    'person.',
    'team.',
    'teams.',
    'enrolment.',
    'invitation.',
    'address.looked-up',
    'access-ends.',
    'access-notice.',
  ],
  erasing: ['message.recall', 'message.erase', 'erasures.', 'certificate.', 'hold.', 'holds.'],
  log: ['access-event', 'log.', 'openings.', 'export', 'overview.', 'timeline.', 'report', 'disclosure.'],
  keys: ['mailbox.', 'recovery-key.', 'master-key.', 'envelope.', 'thread.shared-again'],
  server: ['backup.', 'database.', 'ledger.', 'clock.', 'files.', 'setting', 'setup.', 'alarm', 'log.checkpoint-sent'],
} as const

export const ACT_GROUPS = Object.keys(GROUPS) as (keyof typeof GROUPS)[]

/** The acts that a filter's `what` stands for; nothing for a name that we do not have. */
export function actsOf(what: string): Act[] {
  const named: readonly string[] = Object.hasOwn(GROUPS, what) ? GROUPS[what as keyof typeof GROUPS] : [what]
  // A name that is an act stands for that one; the others are beginnings.
  const isAct = (name: string) => ACTS.some((act) => act === name)
  return ACTS.filter((act) =>
    named.some((name) => (isAct(name) || name === what ? act === name : act.startsWith(name))),
  )
}

/** @throws BadInput for what no page of ours leads to */
export function filterFromQuery(query: unknown): EventFilter {
  const read = (name: string, fits: (text: string) => boolean) => {
    const text = typed(query, name)
    if (text && !fits(text)) throw new BadInput('no such filter')
    return text ? { [name]: text } : {}
  }
  const oneOf = (all: readonly string[]) => (text: string) => all.includes(text)
  const days = { ...read('from', isDay), ...read('to', isDay) }
  const period = read('period', oneOf(PERIODS))
  return {
    ...read('who', isId),
    ...read('what', (text) => /^[a-z-]+\.[a-z-]+$/.test(text) || oneOf(ACT_GROUPS)(text)),
    ...read('patient', isId),
    ...read('outcome', oneOf(OUTCOMES)),
    ...read('network', (text) => /^[\w-]{22}$/.test(text)),
    ...(Object.keys(days).length > 0 ? days : period),
  }
}

/** What stands behind the `?`; empty for a filter that asks for nothing. */
export function filterToQuery(filter: EventFilter, more: Record<string, string> = {}): string {
  const names = ['who', 'what', 'patient', 'outcome', 'network', 'period', 'from', 'to'] as const
  const given = names.flatMap((name) => (filter[name] ? [[name, filter[name]]] : []))
  return new URLSearchParams([...given, ...Object.entries(more).filter(([, value]) => value !== '')]).toString()
}

const HOUR = 60 * 60 * 1000
const DAY = 24 * HOUR

/** From when until when (without that moment), in whole hours, as everything is counted by the hour. */
export function rangeOf({ period, from, to }: EventFilter, now: Date): { from?: Date; to?: Date } {
  if (from || to)
    return {
      ...(from ? { from: new Date(`${from}T00:00:00Z`) } : {}),
      ...(to ? { to: new Date(new Date(`${to}T00:00:00Z`).getTime() + DAY) } : {}),
    }
  const days = period ?? DEFAULT_PERIOD
  if (days === 'all') return {}
  return { from: new Date(Math.floor(now.getTime() / HOUR) * HOUR - Number(days) * DAY) }
}

/** A day as forms send it, that there is. */
export function isDay(text: string): boolean {
  const date = new Date(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : NaN)
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text)
}
