/** Where somebody is signed in, and ending it there. Asked for with a recent proof, so that a device left open cannot sign its owner out. */
import type { Request, Response } from 'express'
import { NotFound } from '../errors.ts'
import { clock24, clockTime, inWords } from '../lib/dates.ts'
import { typed } from '../lib/form.ts'
import { isId } from '../lib/ids.ts'
import { showPage, t } from '../web/page.ts'
import { endAllSessions, endOneSession, endSessionsElsewhere, forgetKnownDevice } from '../sign-in/end-sessions.ts'
import { readerOf } from '../sign-in/guards.ts'
import { listKnownDevices } from '../sign-in/known-device.store.ts'
import { endSession, listSessionsOf } from '../sign-in/sessions.ts'

/** GET /account/devices */
export async function showDevices(request: Request, response: Response) {
  const { account } = readerOf(request)
  const [sessions, devices] = await Promise.all([listSessionsOf(account.id), listKnownDevices(account.id)])
  const ended = request.query['ended']
  const clock = account.role === 'patient' ? clockTime : clock24
  showPage(request, response, 'own-account/devices', {
    title: t('sign-in:devices.title'),
    ended: ['one', 'others', 'forgotten'].find((word) => word === ended) ?? '',
    backHref: '/account',
    sessions: sessions.map((session) => ({
      ref: session.ref,
      current: session.ref === request.session.ref,
      name: nameOf(session.from),
      address: session.from.address,
      since: inWords(session.startedAt, new Date(), clock),
      lastUsed: inWords(session.seenAt, new Date(), clock),
      strength: t(`sign-in:strengths.${session.strength}`),
    })),
    others: sessions.length > 1,
    devices: devices.map((device) => ({
      id: device.id,
      name: nameOf(device),
      lastUsed: inWords(device.lastSeenAt, new Date(), clock),
    })),
  })
}

/** POST /account/devices/end */
export async function endDevice(request: Request, response: Response) {
  const { account, actor } = readerOf(request)
  const ref = typed(request.body, 'session')
  const own = ref === request.session.ref
  if (!(await endOneSession(actor, account, ref))) throw new NotFound('no such session of theirs')
  if (own) return goOut(request, response, 'signed-out')
  response.redirect(303, '/account/devices?ended=one')
}

/** POST /account/devices/end-others */
export async function endOtherDevices(request: Request, response: Response) {
  const { account, actor } = readerOf(request)
  await endSessionsElsewhere(request, actor, account)
  response.redirect(303, '/account/devices?ended=others')
}

/** POST /account/devices/end-all */
export async function endAllDevices(request: Request, response: Response) {
  const { account, actor } = readerOf(request)
  await endAllSessions(actor, account)
  await goOut(request, response, 'after=all-devices')
}

/** POST /account/devices/forget */
export async function forget(request: Request, response: Response) {
  const { account, actor } = readerOf(request)
  const id = typed(request.body, 'device')
  if (!isId(id) || !(await forgetKnownDevice(actor, account, id))) throw new NotFound('no such device of theirs')
  response.redirect(303, '/account/devices?ended=forgotten')
}

/** "Firefox on Windows", as far as the browser told. */
function nameOf({ browser, system }: { browser: string; system: string }): string {
  if (browser && system) return t('sign-in:devices.browserOn', { browser, system })
  return browser || system || t('sign-in:devices.unknown')
}

async function goOut(request: Request, response: Response, what: string) {
  await endSession(request)
  request.person = undefined
  response.set('Clear-Site-Data', '"cache", "storage"')
  response.redirect(303, `/sign-in?${what}`)
}
