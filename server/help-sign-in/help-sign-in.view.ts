/** A request for help as staff read it: where it stands, and what this member of staff can do with it. */
import type { Account } from '../accounts/account.store.ts'
import { clock24, inWords, type Moment } from '../lib/dates.ts'
import { t } from '../web/page.ts'
import { MOST_CODES, type AssistedReset } from '../accounts/assisted-reset.store.ts'

type Step =
  | 'asked'
  | 'notice-failed'
  | 'approved'
  | 'waiting'
  | 'ready'
  | 'code'
  | 'out-of-codes'
  | 'used'
  | 'stopped-by-person'
  | 'stopped-by-staff'
  | 'lapsed'

const TONES: Record<Step, 'info' | 'ok' | 'warn' | 'bad' | 'plain'> = {
  asked: 'warn',
  'notice-failed': 'bad',
  approved: 'info',
  waiting: 'info',
  ready: 'ok',
  code: 'ok',
  'out-of-codes': 'bad',
  used: 'ok',
  'stopped-by-person': 'bad',
  'stopped-by-staff': 'plain',
  lapsed: 'plain',
}

export interface RequestState {
  step: Step
  tone: (typeof TONES)[Step]
  text: string
}

export function stateOfRequest(reset: AssistedReset, now: Date): RequestState {
  const step = stepOf(reset, now)
  const time = reset.readyAt ? inWords(reset.readyAt, now, clock24).text : ''
  return { step, tone: TONES[step], text: t(`help-sign-in:states.${step}`, { time }) }
}

function stepOf(reset: AssistedReset, now: Date): Step {
  if (reset.usedAt) return 'used'
  if (reset.cancelledAt)
    return !reset.cancelledBy || reset.cancelledBy === reset.accountId ? 'stopped-by-person' : 'stopped-by-staff'
  if (reset.lapsedAt) return 'lapsed'
  if (!reset.approvedAt) return 'asked'
  if (!reset.readyAt) return reset.noticeFailedAt ? 'notice-failed' : 'approved'
  if (reset.readyAt > now) return 'waiting'
  if (reset.codeExpiresAt && reset.codeExpiresAt > now) return 'code'
  return reset.codesMade < MOST_CODES ? 'ready' : 'out-of-codes'
}

/** What `helper` may do: the same questions that the steps themselves ask again. */
export function movesOf(reset: AssistedReset, step: Step, helper: Account) {
  const tookPart = [reset.askedBy, reset.approvedBy].includes(helper.id)
  const open = !reset.usedAt && !reset.cancelledAt && !reset.lapsedAt
  return {
    approve: step === 'asked' && reset.askedBy !== helper.id,
    makeCode: tookPart && (step === 'ready' || step === 'code') && reset.codesMade < MOST_CODES,
    stop: open,
  }
}

export function nameOf(person: Pick<Account, 'name' | 'email'> | undefined): string {
  return person ? person.name || person.email : t('help-sign-in:nobody')
}

/** "Signs in since 3 May, last on Tuesday": what staff may know of somebody's sign-in. */
export function signInInWords(person: Account, now: Date): string {
  if (person.state !== 'active') return t('help-sign-in:person.none')
  const last: Moment | undefined = person.lastSignedInAt ? inWords(person.lastSignedInAt, now, clock24) : undefined
  return last ? t('help-sign-in:person.last', { time: last.text }) : t('help-sign-in:person.never')
}
