/** Alarms, for administrators and auditors: the list, each with what was done about it, and doing it. */
import type { Request, Response } from 'express'
import { listAccounts, type Account } from '../accounts/account.store.ts'
import { record } from '../audit/record.ts'
import { NotFound } from '../errors.ts'
import { clock24, inWords } from '../lib/dates.ts'
import { readForm, typed, type FormError } from '../lib/form.ts'
import { isId } from '../lib/ids.ts'
import { readerOf } from '../sign-in/guards.ts'
import { showPage, t, toldErrors } from '../web/page.ts'
import { findAlarm, listAlarmNotes, listAlarms, type Alarm } from './alarm.store.ts'
import { LONGEST_NOTE, noting } from './alarm.form.ts'
import { isAboutThem, workOnAlarm } from './work-on-alarm.ts'

const HOME = '/admin/alarms'
const MOST_SHOWN = 200

/** GET /admin/alarms */
export async function showAlarms(request: Request, response: Response) {
  await record(request.actor, { act: 'alarms.listed' })
  const all = await listAlarms(MOST_SHOWN)
  const people = await peopleOf(all.flatMap(({ accountId, takenBy, closedBy }) => [accountId, takenBy, closedBy]))
  const views = all.map((alarm) => alarmView(alarm, people))
  showPage(request, response, 'alarms/alarms', {
    title: t('alarms:title'),
    closed: views.some(({ id, isClosed }) => isClosed && id === request.query['closed']),
    open: views.filter(({ isClosed }) => !isClosed),
    past: views.filter(({ isClosed }) => isClosed),
  })
}

/** GET /admin/alarms/:alarm */
export async function showAlarm(request: Request, response: Response) {
  await show(request, response, [])
}

/** POST /admin/alarms/:alarm/take */
export async function takeAlarm(request: Request, response: Response) {
  const id = alarmIn(request)
  await workOnAlarm(readerOf(request), id, { kind: 'taken' })
  response.redirect(303, `${HOME}/${id}`)
}

/** POST /admin/alarms/:alarm: a note, and with `close` the end of it. */
export async function noteAlarm(request: Request, response: Response) {
  const id = alarmIn(request)
  const form = readForm(noting, request.body)
  if (!form.values) return show(request, response, form.errors)
  const kind = typed(request.body, 'do') === 'close' ? 'closed' : 'note'
  await workOnAlarm(readerOf(request), id, { kind, text: form.values.note.trim() })
  response.redirect(303, kind === 'closed' ? `${HOME}?closed=${id}` : `${HOME}/${id}`)
}

async function show(request: Request, response: Response, errors: readonly FormError[]) {
  const alarm = await findAlarm(alarmIn(request))
  if (!alarm) throw new NotFound('no such alarm')
  await record(request.actor, { act: 'alarm.read', subject: { kind: 'alarm', id: alarm.id } })
  const notes = await listAlarmNotes(alarm.id)
  const people = await peopleOf([
    alarm.accountId,
    alarm.takenBy,
    alarm.closedBy,
    ...notes.map(({ accountId }) => accountId),
  ])
  const view = {
    title: t(`alarms:rules.${alarm.rule}.title`),
    backHref: HOME,
    alarm: alarmView(alarm, people),
    advice: t(`alarms:rules.${alarm.rule}.advice`),
    mayClose: !isAboutThem(alarm, readerOf(request).actor),
    notes: notes.map(({ kind, text, accountId, at }) => ({
      what: t(`alarms:notes.${kind}`, { by: nameOf(people, accountId) }),
      at: inWords(at, new Date(), clock24),
      text,
    })),
    action: `${HOME}/${alarm.id}`,
    form: { note: typed(request.body, 'note') },
    limit: LONGEST_NOTE,
    errors: toldErrors(errors, { count: LONGEST_NOTE }),
  }
  showPage(request, response, 'alarms/alarm', view, errors.length > 0 ? 422 : 200)
}

function alarmView(alarm: Alarm, people: ReadonlyMap<string, Account>, now = new Date()) {
  const { id, rule, accountId, about, count, threshold, raisedAt, seenAt, takenBy, closedBy, closedAt } = alarm
  return {
    id,
    href: `${HOME}/${id}`,
    title: t(`alarms:rules.${rule}.title`),
    text: t(`alarms:rules.${rule}.text`, { count, threshold }),
    whom: accountId ? nameOf(people, accountId) : about || (rule === 'refusals' ? t('alarms:wholeServer') : ''),
    raisedAt: inWords(raisedAt, now, clock24),
    seenAt: inWords(seenAt, now, clock24),
    takenBy: takenBy ? nameOf(people, takenBy) : '',
    isClosed: closedAt !== null,
    closedBy: closedBy ? nameOf(people, closedBy) : '',
    closedAt: closedAt ? inWords(closedAt, now, clock24) : null,
  }
}

function nameOf(people: ReadonlyMap<string, Account>, id: string): string {
  const person = people.get(id)
  return person ? person.name || person.email : t('alarms:somebody')
}

async function peopleOf(ids: readonly (string | null)[]): Promise<Map<string, Account>> {
  const people = await listAccounts(ids.filter((id) => id !== null))
  return new Map(people.map((each) => [each.id, each]))
}

/** @throws NotFound for what is no id of ours */
function alarmIn(request: Request): string {
  const { alarm } = request.params
  if (!isId(alarm)) throw new NotFound('not an id')
  return alarm
}
