/** The first set-up of a database for real use, for administrators: steps that are saved one by one, in any order. */
import type { Request, Response } from 'express'
import { record } from '../audit/record.ts'
import { config } from '../config.ts'
import { inTransaction } from '../database/connection.ts'
import { NotFound } from '../errors.ts'
import { sizeInWords } from '../lib/dates.ts'
import { typed } from '../lib/form.ts'
import { settings } from '../settings/settings.ts'
import { readerOf } from '../sign-in/guards.ts'
import { limit } from '../web/rate-limits.ts'
import { showPage, t, toldErrors } from '../web/page.ts'
import { changeSettings } from './change-settings.ts'
import { lookOver, type Check } from './look-over.ts'
import { readSection } from './settings.form.ts'
import { adminIn, seenIn, showSection } from './settings.pages.ts'
import { confirmSetupMail, sendSetupMail } from './setup-mail.ts'
import { findMailCode, listDoneSteps, noteStep, SETUP_STEPS } from './setup.store.ts'

const HOME = '/admin/setup'
const SECTION_STEPS = ['organisation', 'colours', 'limits'] as const
type SectionStep = (typeof SECTION_STEPS)[number]
/** As they stand on the page. */
const SHOWN = ['organisation', 'account', 'mail', 'colours', 'limits', 'checks'] as const

const testMails = limit('setup-mail', 5, 10 * 60)

/** GET /admin/setup */
export async function showSetup(request: Request, response: Response) {
  await showSteps(request, response, '')
}

/** POST /admin/setup: finishes it. Mail cannot be skipped, nor can a step. */
export async function finishSetup(request: Request, response: Response) {
  const done = await listDoneSteps()
  const missing = SETUP_STEPS.filter((step) => !done.has(step))
  if (missing.includes('mail')) return showSteps(request, response, t('organisation:setup.errors.mailFirst'))
  if (missing.length > 0) {
    const steps = missing.map((step) => t(`organisation:setup.steps.${step}.title`)).join(', ')
    return showSteps(request, response, t('organisation:setup.errors.stepsFirst', { steps }))
  }
  const admin = adminIn(request)
  await inTransaction(async (transaction) => {
    const now = new Date()
    if (await noteStep('finished', admin.id, now, transaction))
      await record(admin, { act: 'setup.finished' }, transaction, now)
  })
  response.redirect(303, '/admin/settings?set-up')
}

/** GET /admin/setup/:step */
export async function askStep(request: Request, response: Response) {
  const step = stepIn(request)
  await record(request.actor, { act: 'setup.read' })
  showSection(request, response, step, { typed: (name) => String(settings()[name]), inSetup: true })
}

/** POST /admin/setup/:step: nobody is signed in who could be concerned, so it is saved at once. */
export async function takeStep(request: Request, response: Response) {
  const step = stepIn(request)
  const form = readSection(step, request.body)
  const seen = seenIn(request)
  if (!form.values || 'look' in (request.body as object))
    return showSection(request, response, step, { errors: form.errors, seen, inSetup: true }, form.values ? 200 : 422)
  const admin = adminIn(request)
  const changed = await changeSettings(admin, { section: step, values: form.values, seen })
  if (changed.kind === 'meanwhile')
    return showSection(request, response, step, { seen: changed.version, inSetup: true }, 409)
  await inTransaction(async (transaction) => {
    const now = new Date()
    if (await noteStep(step, admin.id, now, transaction))
      await record(admin, { act: 'setup.step-done', found: step }, transaction, now)
  })
  response.redirect(303, HOME)
}

/** GET /admin/setup/mail */
export async function askMail(request: Request, response: Response) {
  await record(request.actor, { act: 'setup.read' })
  await showMail(request, response)
}

/** POST /admin/setup/mail: sends the test mail. */
export async function sendTestMail(request: Request, response: Response) {
  const { account } = readerOf(request)
  await testMails.count(account.id)
  const said = await sendSetupMail(adminIn(request), account.email)
  if (said === 'sent') return response.redirect(303, `${HOME}/mail`)
  await showMail(request, response, { field: 'send', key: `organisation:setup.errors.mail.${said}` })
}

/** POST /admin/setup/mail/code: it arrived. */
export async function takeMailCode(request: Request, response: Response) {
  if (await confirmSetupMail(adminIn(request), typed(request.body, 'code'))) return response.redirect(303, HOME)
  await showMail(request, response, { field: 'code', key: 'organisation:setup.errors.code' })
}

async function showMail(request: Request, response: Response, error?: { field: string; key: string }) {
  const { account } = readerOf(request)
  const [done, code] = await Promise.all([listDoneSteps(), findMailCode(account.id)])
  const { smtpUrl, mailFrom } = config()
  const view = {
    title: t('organisation:setup.mail.title'),
    backHref: HOME,
    action: `${HOME}/mail`,
    // Without the name and the password that stand in it.
    server: smtpUrl ? new URL(smtpUrl).host : t('organisation:setup.mail.noServer'),
    from: mailFrom,
    to: account.email,
    sent: code !== undefined,
    done: done.has('mail'),
    errors: toldErrors(error ? [error] : []),
  }
  showPage(request, response, 'organisation/setup-mail', view, error ? 422 : 200)
}

async function showSteps(request: Request, response: Response, problem: string) {
  await record(request.actor, { act: 'setup.read' })
  const done = await listDoneSteps()
  if (done.has('finished')) return response.redirect(303, '/admin/settings')
  const checks = await lookOver(done.has('mail'))
  const view = {
    title: t('organisation:setup.title'),
    action: HOME,
    steps: SHOWN.map((step, at) => ({
      number: at + 1,
      title: t(`organisation:setup.steps.${step}.title`),
      text: t(`organisation:setup.steps.${step}.text`),
      href: hrefOf(step),
      link: linkOf(step, done.has(step)),
      done: step === 'account' || (step !== 'checks' && done.has(step)),
      hasState: step !== 'checks',
    })),
    checks: checks.map(checkView),
    errors: problem ? [{ field: 'finish', href: '#finish', text: problem }] : [],
  }
  showPage(request, response, 'organisation/setup', view, problem ? 422 : 200)
}

function hrefOf(step: (typeof SHOWN)[number]): string {
  if (step === 'account') return '/account/passkeys'
  return step === 'checks' ? '' : `${HOME}/${step}`
}

function linkOf(step: (typeof SHOWN)[number], done: boolean): string {
  if (step === 'account') return t('organisation:setup.steps.account.link')
  return t(done ? 'organisation:setup.again' : 'organisation:setup.go')
}

function checkView({ name, isGood, room }: Check) {
  return {
    title: t(`organisation:setup.checks.${name}.title`),
    text: t(`organisation:setup.checks.${name}.${isGood ? 'ok' : 'bad'}`, {
      address: config().baseUrl,
      room: sizeInWords(room ?? 0),
    }),
    tone: isGood ? 'ok' : 'warn',
  }
}

function stepIn(request: Request): SectionStep {
  const step = SECTION_STEPS.find((each) => each === request.params['step'])
  if (!step) throw new NotFound('no such step')
  return step
}
