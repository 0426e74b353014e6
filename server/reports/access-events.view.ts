/** Access events to what their page may see: who, what, when, from where, and never content. Pure. */
import { ACTS } from '../audit/acts.ts'
import { REASONS } from '../audit/reasons.ts'
import { exact } from '../lib/dates.ts'
import { t } from '../web/page.ts'
import type { EventForm } from './access-events.form.ts'
import { PAGE, type ReadEvent } from './list-access-events.ts'

const TONES = { done: 'ok', denied: 'bad', failed: 'warn' } as const

export function accessEventsView(events: ReadEvent[], form: EventForm, isFirst: boolean) {
  const page = events.slice(0, PAGE)
  const last = page.at(-1)
  const choice = (chosen: string, value: string, label: string) => ({ value, label, selected: value === chosen })
  return {
    title: t('reports:accessEvents.title'),
    form,
    acts: [
      choice(form.what, '', t('reports:accessEvents.anyAct')),
      ...ACTS.map((act) => choice(form.what, act, t(`reports:acts.${act}`))),
    ],
    outcomes: [
      choice(form.outcome, '', t('reports:accessEvents.anyOutcome')),
      ...(['done', 'denied', 'failed'] as const).map((each) =>
        choice(form.outcome, each, t(`reports:outcomes.${each}`)),
      ),
    ],
    filtered: Object.values(form).some((value) => value !== ''),
    clearHref: '/admin/access-events',
    events: page.map(eventView),
    newer: isFirst ? '' : hrefOf(form, ''),
    older: events.length > PAGE && last ? hrefOf(form, `${last.at.getTime()}.${last.id}`) : '',
  }
}

function eventView(event: ReadEvent) {
  return {
    at: { local: exact(event.at), utc: event.at.toISOString().slice(11, 19), iso: event.at.toISOString() },
    actor: actorView(event),
    act: { text: t(`reports:acts.${event.act}`), how: howOf(event), code: event.act },
    subject: { text: subjectText(event), id: event.subjectId ?? '' },
    outcome: {
      tone: TONES[event.outcome],
      text: t(`reports:outcomes.${event.outcome}`),
      times: event.details.times ? t('reports:accessEvents.times', { count: event.details.times }) : '',
      reason: reasonInWords(event.details.reason),
      said: event.details.said ?? '',
      found: event.details.found ?? '',
    },
    where: event.details.address ?? '',
  }
}

function subjectText(event: ReadEvent): string {
  if (event.person) return event.person.name || event.person.email
  return event.subjectKind ? t(`reports:subjects.${event.subjectKind}`) : ''
}

/** How somebody signed in. Whoever has proved only a part of it has signed nothing in. */
function howOf(event: ReadEvent): string {
  return event.act === 'account.signed-in' ? t(`reports:strengths.${event.strength}`) : ''
}

/** Lines from before the list of reasons was closed say theirs as they did then. */
function reasonInWords(reason = ''): string {
  return REASONS.some((each) => each === reason) ? t(`reports:reasons.${reason}`) : reason
}

function actorView(event: ReadEvent): { name: string; role: string } {
  // What opened the mailbox is not what the person gave.
  if (event.act === 'mailbox.recovered') {
    const name = event.actor?.name || event.actor?.email || t('reports:accessEvents.noName')
    return { name: t('reports:roles.recoveryKey'), role: t('reports:accessEvents.whenNewPassword', { name }) }
  }
  if (event.actorKind === 'system') return { name: t('reports:roles.system'), role: '' }
  if (!event.actor) return { name: t('reports:accessEvents.noName'), role: '' }
  return { name: event.actor.name || event.actor.email, role: t(`reports:roles.${event.actor.role}`) }
}

function hrefOf(form: EventForm, before: string): string {
  const query = new URLSearchParams(Object.entries({ ...form, before }).filter(([, value]) => value !== ''))
  return query.size > 0 ? `/admin/access-events?${query.toString()}` : '/admin/access-events'
}
