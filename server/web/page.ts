/** Answers with a page: the view that a handler made, plus what every page shows. */
import type { Request, Response } from 'express'
import { config } from '../config.ts'
import { renderPage } from '../lib/templates.ts'
import { words } from '../lib/words.ts'
import type { FormError } from '../lib/form.ts'
import { brandStyles } from '../settings/brand-styles.ts'
import { organisation } from '../settings/settings.ts'

const LANGUAGE = 'en'

/** The words of the page's language. */
export const t = (key: string, values: Record<string, unknown> = {}): string => words(LANGUAGE)(key, values)

const ACCOUNT = { href: '/account', label: 'layout:nav.account' }
const AREAS: Record<string, { href: string; label: string }[]> = {
  patient: [{ href: '/messages', label: 'layout:nav.messages' }, ACCOUNT],
  provider: [
    { href: '/messages', label: 'layout:nav.inbox' },
    { href: '/messages/new', label: 'layout:nav.newMessage' },
    { href: '/help-sign-in', label: 'layout:nav.helpSignIn' },
    ACCOUNT,
  ],
  admin: [
    { href: '/admin', label: 'layout:nav.overview' },
    { href: '/admin/people', label: 'layout:nav.people' },
    { href: '/admin/access-events', label: 'layout:nav.accessLog' },
    { href: '/admin/reports', label: 'layout:nav.reports' },
    { href: '/admin/exports', label: 'layout:nav.exports' },
    { href: '/admin/erasures', label: 'layout:nav.erasures' },
    { href: '/admin/holds', label: 'layout:nav.holds' },
    { href: '/admin/alarms', label: 'layout:nav.alarms' },
    { href: '/admin/settings', label: 'layout:nav.settings' },
    { href: '/help-sign-in', label: 'layout:nav.helpSignIn' },
    ACCOUNT,
  ],
  auditor: [
    { href: '/admin', label: 'layout:nav.overview' },
    { href: '/admin/access-events', label: 'layout:nav.accessLog' },
    { href: '/admin/reports', label: 'layout:nav.reports' },
    { href: '/admin/exports', label: 'layout:nav.exports' },
    { href: '/admin/erasures', label: 'layout:nav.erasures' },
    { href: '/admin/holds', label: 'layout:nav.holds' },
    { href: '/admin/alarms', label: 'layout:nav.alarms' },
    ACCOUNT,
  ],
}

/** @param name a template's name, written in our code, never taken from a request */
export function showPage(
  request: Request,
  response: Response,
  name: string,
  view: { title: string; [name: string]: unknown },
  status = 200,
) {
  const page = { errors: [] as unknown[], ...view }
  response.status(status).type('html')
  response.send(
    renderPage(name, {
      ...everyPage(request),
      ...page,
      title: page.errors.length > 0 ? `${t('layout:errorTitle')} ${view.title}` : view.title,
    }),
  )
}

/** The text of a page as anybody without a session gets it: for answers that are too many to be made one by one. */
export function pageForAnybody(path: string, name: string, view: { title: string; [name: string]: unknown }): string {
  const anybody = { method: 'GET', path, csrfToken: () => '' } as unknown as Request
  return renderPage(name, { ...everyPage(anybody), errors: [], ...view })
}

/** An error as its page shows it: in the summary, which leads to the field, and at the field itself. */
export interface ToldError {
  field: string
  href: string
  text: string
}

/** A form's problems in the words of the catalogue, each leading to its field. */
export function toldErrors(errors: readonly FormError[], values: Record<string, unknown> = {}): ToldError[] {
  return errors.map(({ field, key, values: own }) => ({
    field,
    href: `#${field}`,
    text: t(key, { ...values, ...own }),
  }))
}

/** Seconds until the session ends: without another click, and whatever happens. */
export function timeLeft({ ends }: Request, now = Date.now()): { idle: number; last: number } | null {
  const seconds = (at: number) => Math.max(0, Math.ceil((at - now) / 1000))
  return ends ? { idle: seconds(ends.idle), last: seconds(ends.last) } : null
}

function everyPage(request: Request) {
  const { name, phone, hours } = organisation()
  const brand = brandStyles()
  return {
    lang: LANGUAGE,
    dir: 'ltr',
    organisation: { name, phone, phoneHref: `tel:${phone.replace(/[^\d+]/g, '')}`, hours },
    brandHref: brand ? `/static/brand/${brand.name}` : '',
    alarms: request.openAlarms ?? 0,
    tryOut: config().tryOut,
    person: request.person ?? null,
    nav: (AREAS[request.person?.role ?? ''] ?? []).map(({ href, label }) => ({
      href,
      label: t(label),
      waiting: request.waiting?.[href] ?? 0,
      // A form that is shown again stands at the address that it was sent to.
      current: request.method === 'GET' && request.path === href,
    })),
    csrf: request.csrfToken(),
    signOut: request.person !== undefined,
    lastSignIn: request.lastSignIn?.() ?? null,
    timeLeft: timeLeft(request),
    posted: request.method !== 'GET',
    path: request.path,
  }
}
