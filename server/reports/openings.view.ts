/** Openings to what their page may see: who and when, in words; no address, no device. Pure. */
import { clockTime, dayInWords } from '../lib/dates.ts'
import { t } from '../web/page.ts'
import { OPENINGS_PAGE, type Opening } from './list-openings.ts'

export function openingsView(all: Opening[], own: { id: string; role: string }, isFirst: boolean, now = new Date()) {
  const openings = all.slice(0, OPENINGS_PAGE)
  const last = openings.at(-1)
  const days = new Map<string, ReturnType<typeof lineOf>[]>()
  for (const opening of openings) {
    const day = dayInWords(opening.at, now)
    days.set(day, [...(days.get(day) ?? []), lineOf(opening, own.id, now)])
  }
  const title = t('own-account:openings.title', { context: own.role === 'patient' ? 'own' : 'staff' })
  return {
    title,
    heading: title,
    days: [...days].map(([day, lines]) => ({ day, openings: lines })),
    newer: isFirst ? '' : '/account/openings',
    older: all.length > OPENINGS_PAGE && last ? `/account/openings?before=${last.at.getTime()}.${last.id}` : '',
  }
}

function lineOf({ actor, actorId, at, act, letter, teams }: Opening, ownId: string, now: Date) {
  const isMe = actorId === ownId
  const nameless = t(`own-account:openings.${actor?.role === 'patient' ? 'patient' : 'team'}`)
  return {
    at: { text: clockTime(at), iso: at.toISOString() },
    who: isMe ? t('own-account:openings.you') : actor?.name || nameless,
    team: isMe ? '' : teams.join(', '),
    did: t(`own-account:openings.did.${act}`),
    message: t('own-account:openings.message', { day: dayInWords(letter.sentAt, now) }),
    href: letter.recalledAt ? '' : `/messages/${letter.id}`,
  }
}
