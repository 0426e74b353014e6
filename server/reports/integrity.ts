/** The badge of the access log: up to which event it was found to be what was signed, and what to do where it is not. */
import { findLastCheck } from '../audit/log-check.store.ts'
import { findEventAt, findTimeAt } from '../audit/log-proof.store.ts'
import { clock24, inWords } from '../lib/dates.ts'
import { t } from '../web/page.ts'

const HOUR = 60 * 60 * 1000

export async function readIntegrity(now = new Date()) {
  const check = await findLastCheck()
  const nothing = { steps: [] as string[], href: '', link: '' }
  if (!check) return { tone: 'warn', text: t('reports:integrity.never'), ...nothing }
  const number = (leaf: number) => leaf.toLocaleString('en-US')
  const time = inWords(check.checkedAt, now, clock24).text
  if (check.found === null) {
    const values = { number: number(check.checkedTo), time, epoch: check.epoch }
    if (await isBehind(check.checkedTo, now))
      return { tone: 'warn', text: t('reports:integrity.late', values), ...nothing }
    return { tone: 'ok', text: t('reports:integrity.good', values), ...nothing }
  }
  const bad = check.badLeaf === null ? undefined : await findEventAt(check.badLeaf)
  const values = { number: number((check.badLeaf ?? 0) + 1), time, found: check.found }
  return {
    tone: 'bad',
    text: t(`reports:integrity.${check.badLeaf === null ? 'badSomewhere' : 'bad'}`, values),
    steps: ['keep', 'export', 'compare', 'restore'].map((step) => t(`reports:integrity.steps.${step}`)),
    href: bad ? `/admin/access-events/${bad}` : '',
    link: bad ? t('reports:integrity.see') : '',
  }
}

/** Whether something was recorded more than an hour ago that was not looked at. A quiet night is no fault. */
async function isBehind(checkedTo: number, now: Date): Promise<boolean> {
  const next = await findTimeAt(checkedTo)
  return next !== undefined && now.getTime() - next.getTime() > HOUR
}
