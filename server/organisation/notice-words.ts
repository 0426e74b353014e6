/**
 * What the words of a notice may be. They go over mail servers that others can read, so they say that something waits and never what: nothing of health, no
 * hurry, no date or number, no address to click. The rules are those of our own notice.
 */
import { organisation } from '../settings/settings.ts'

export interface WordProblem {
  key: string
  values: Record<string, unknown>
}

/** Whole words, or their beginnings where one ends in `-`. */
const REFUSED: Record<string, readonly string[]> = {
  content: (
    'result- test- lab labs laborator- diagnos- disease- illness- treatment- therap- medicin- medicat- prescri- drug- dose- surger- operation- ' +
    'cancer- tumo- oncolog- hiv aids std pregnan- diabet- psych- mental depress- addict- blood scan- x-ray xray mri biops- vaccin- infect- covid- ' +
    'positive negative abnormal normal patient- doctor- nurse- clinic- appointment- visit- referral- insur- bill- invoice- payment- owe- report- record-'
  ).split(' '),
  hurry:
    'urgent- immediate- asap now today tonight tomorrow deadline- overdue final warning- important act expire- expir- hurry quick- soon'.split(
      ' ',
    ),
  secret: 'password- passcode- pin code- login username- verify ssn'.split(' '),
}

/** @returns what is wrong with these words, if anything is; empty ones are as Letterlock has them */
export function wordProblem(text: string, limits: { longest: number; mostWords?: number }): WordProblem | undefined {
  if (text === '') return undefined
  const shown = text.replaceAll('{organisation}', organisation().name)
  if ([...shown].length > limits.longest) return problem('long', { count: limits.longest })
  // The name of the organisation says who writes, and may say what it is.
  const own = text.replaceAll('{organisation}', ' ').replaceAll(organisation().name, ' ')
  if (/[{}<>\p{C}]/u.test(own)) return problem('odd')
  if (/https?:|www\.|[\w-]+\.(com|org|net|example|health)\b|@/i.test(own)) return problem('link')
  if (/\d/.test(own)) return problem('digits')
  if (/!|\p{Extended_Pictographic}/u.test(own)) return problem('loud')
  const words = own.toLowerCase().match(/[\p{L}\p{M}'’-]+/gu) ?? []
  for (const [why, list] of Object.entries(REFUSED)) {
    const word = words.find((each) => list.some((refused) => fits(each, refused)))
    if (word) return problem(`refused.${why}`, { word })
  }
  const { mostWords } = limits
  if (mostWords && shown.split(/\s+/).length > mostWords) return problem('manyWords', { count: mostWords })
  return /message/i.test(own) ? undefined : problem('noMessage')
}

function fits(word: string, refused: string): boolean {
  return refused.endsWith('-') ? word.startsWith(refused.slice(0, -1)) : word === refused
}

function problem(key: string, values: Record<string, unknown> = {}): WordProblem {
  return { key: `organisation:errors.words.${key}`, values }
}
