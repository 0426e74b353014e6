/** Pages that exist in the try-out only: whom to sign in as, and the mails that would have gone out. */
import { createHash } from 'node:crypto'
import type { Request, Response } from 'express'
import { NotFound } from '../errors.ts'
import { inShort, inWords } from '../lib/dates.ts'
import { isId } from '../lib/ids.ts'
import { findCapturedMail, listCapturedMails, type CapturedMail } from '../mail/captured-mail.store.ts'
import { currentCode } from '../sign-in/one-time-code.ts'
import { showPage, t } from '../web/page.ts'
import { readCast } from './cast.ts'

/** GET /demo */
export function showWelcome(request: Request, response: Response) {
  const now = new Date()
  const people = readCast().map(({ role, name, email, password, totpSecret }) => ({
    name,
    role: t(`accounts:roles.${role}`),
    email,
    password,
    code: currentCode(totpSecret, now).code.replace(/^(...)/, '$1 '),
  }))
  const seconds = 30 - (Math.floor(now.getTime() / 1000) % 30)
  showPage(request, response, 'try-out/welcome', {
    title: t('try-out:welcome.title'),
    people,
    seconds,
    outboxHref: '/demo/outbox',
  })
}

/** GET /demo/outbox */
export async function showOutbox(request: Request, response: Response) {
  const mails = (await listCapturedMails()).map((mail) => ({
    href: `/demo/outbox/${mail.id}`,
    to: mail.to,
    subject: mail.subject,
    at: inShort(mail.at),
  }))
  showPage(request, response, 'try-out/outbox', {
    title: t('try-out:outbox.title'),
    mails,
    jsonHref: '/demo/outbox.json',
  })
}

/** GET /demo/outbox.json: for tools that drive the try-out. Newest first. */
export async function showOutboxJson(_request: Request, response: Response) {
  const mails = await listCapturedMails()
  response.json(
    mails.map(({ to, subject, text, html, headers, at }) => ({
      to,
      subject,
      text,
      html,
      headers,
      at: at.toISOString(),
    })),
  )
}

/** GET /demo/outbox/:mail */
export async function showCapturedMail(request: Request, response: Response) {
  const mail = await mailIn(request)
  showPage(request, response, 'try-out/mail', {
    title: mail.subject,
    subject: mail.subject,
    to: mail.to,
    at: inWords(mail.at),
    headers: Object.entries(mail.headers).map(([name, value]) => ({ name, value })),
    text: mail.text,
    link: /https?:\/\/\S+\/m\/[\w-]+/.exec(mail.text)?.[0] ?? '',
    htmlHref: `/demo/outbox/${mail.id}/html`,
    backHref: '/demo/outbox',
  })
}

/** GET /demo/outbox/:mail/html: the HTML part alone, without scripts, forms or requests; its one style block is named by its hash. */
export async function showCapturedHtml(request: Request, response: Response) {
  const mail = await mailIn(request)
  const style = /<style>([\s\S]*?)<\/style>/.exec(mail.html)?.[1] ?? ''
  const hash = createHash('sha256').update(style).digest('base64')
  response.set(
    'Content-Security-Policy',
    `default-src 'none'; style-src 'sha256-${hash}'; sandbox allow-popups allow-top-navigation-by-user-activation; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  )
  response.type('html').send(mail.html)
}

async function mailIn(request: Request): Promise<CapturedMail> {
  const id = request.params['mail']
  const mail = isId(id) ? await findCapturedMail(id) : undefined
  if (!mail) throw new NotFound('no such mail')
  return mail
}
