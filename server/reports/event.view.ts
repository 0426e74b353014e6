/** One event to what its page may see. Pure. */
import { clock24, inWords } from '../lib/dates.ts'
import { isId } from '../lib/ids.ts'
import { t } from '../web/page.ts'
import { eventView, inThousands, strengthInWords } from './access-events.view.ts'
import { filterToQuery } from './event-filter.ts'
import type { EventProof, ReadOneEvent } from './read-event.ts'

const LOG = '/admin/access-events'

export function oneEventView(
  { event, sameRequest, around, aroundBy, proof }: ReadOneEvent,
  baseUrl: string,
  now = new Date(),
) {
  const { details, detailsSealed } = event
  const shown = eventView(event)
  const search = (filter: Parameters<typeof filterToQuery>[0]) => `${LOG}?${filterToQuery(filter)}`
  return {
    title: shown.number ? t('reports:event.title', { number: shown.number }) : t('reports:event.titleWaiting'),
    backHref: LOG,
    event: {
      ...shown,
      id: event.id,
      strength: strengthInWords(event),
      browser: details.userAgent ?? '',
      before: details.before ?? '',
      after: details.after ?? '',
      asked: details.asked ?? '',
      askedHref: details.asked ? `${LOG}?${details.asked}` : '',
      requestId: event.requestId ?? '',
      permalink: `${baseUrl}${LOG}/${event.id}`,
    },
    details: detailsSealed === null ? 'none' : details.reason === 'details-do-not-open' ? 'closed' : 'open',
    links: [
      ...(isId(event.actorId) ? [{ href: search({ who: event.actorId }), text: t('reports:event.sameActor') }] : []),
      ...(event.addressDigest
        ? [
            {
              href: search({ network: event.addressDigest.toString('base64url') }),
              text: t('reports:event.sameNetwork'),
            },
          ]
        : []),
      ...(event.person && event.person.role === 'patient'
        ? [{ href: `/admin/patients/${event.person.id}`, text: t('reports:event.timeline') }]
        : []),
    ],
    proof: proof ? proofView(proof, event.leaf!, now) : null,
    sameRequest: sameRequest.map(eventView),
    around: around.length > 1 ? around.map((each) => ({ ...eventView(each), isThis: each.id === event.id })) : [],
    aroundTitle: t(`reports:event.${aroundBy === 'actor' ? 'around' : 'aroundNetwork'}`),
  }
}

function proofView({ hash, previous, wrong, checkpoint }: EventProof, leaf: number, now: Date) {
  return {
    number: t('reports:event.numberText', { number: inThousands(leaf + 1), leaf }),
    hash: hash?.toString('hex') ?? '',
    previous: previous?.toString('hex') ?? '',
    tone: wrong ? 'bad' : 'ok',
    state: wrong ? t('reports:event.stateBad', { found: wrong }) : t('reports:event.stateGood'),
    checkpoint: checkpoint
      ? t('reports:event.coveredBy', {
          size: inThousands(checkpoint.size),
          time: inWords(checkpoint.signedAt, now, clock24).text,
        })
      : t('reports:event.uncovered'),
  }
}
