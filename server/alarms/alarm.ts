/** What an alarm can be about. Its words stand in the catalogue `alarms`. */
export const RULES = [
  'mass-opening',
  'unusual-hours',
  'refusals',
  'log-behind',
  'checkpoint-behind',
  'log-unverifiable',
  'job-gave-up',
] as const

export type Rule = (typeof RULES)[number]

/** The rules that count what people do. */
export type CountedRule = 'mass-opening' | 'unusual-hours' | 'refusals'

const MINUTE = 60 * 1000

/** Milliseconds: in which steps each is counted, and over how long what somebody did lately is summed. */
export const COUNTED: Record<CountedRule, { step: number; lately: number }> = {
  'mass-opening': { step: 10 * MINUTE, lately: 60 * MINUTE },
  'unusual-hours': { step: 10 * MINUTE, lately: 60 * MINUTE },
  refusals: { step: MINUTE, lately: 10 * MINUTE },
}

/** So many times what is a lot from one account or network is a lot for the whole server. */
export const TIMES_FOR_ALL = 10

/** What is usual is learned from so many days. */
export const DAYS_OF_USUAL = 14
/** So many times the usual is a lot. */
export const TIMES_USUAL = 5
