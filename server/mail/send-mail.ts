/**
 * Mail out. A mail is made of three templates (subject, text, HTML) and goes by SMTP, or, in the try-out, into the captured mails.
 * nodemailer is imported only here.
 */
import nodemailer, { type Transporter } from 'nodemailer'
import { config } from '../config.ts'
import { organisation } from '../settings/settings.ts'
import type { Transaction } from '../database/connection.ts'
import { renderMail } from '../lib/templates.ts'
import { captureMail } from './captured-mail.store.ts'

export interface Mail {
  to: string
  /** A folder-less name in views/emails. */
  template: string
  view: object
}

/** A mail server's refusal, mapped to a class: its own words may quote an address and are never stored. */
export class MailNotTaken extends Error {
  readonly lasting: boolean
  readonly code: string
  constructor(code: string, lasting: boolean) {
    super(`mail not taken: ${code}`)
    this.code = code
    this.lasting = lasting
  }
}

let transport: Transporter | undefined

/**
 * Sends or captures one mail. A captured one is a row of the caller's transaction; what a mail server took has gone, whatever becomes of that.
 * @throws MailNotTaken
 */
export async function sendMail(mail: Mail, now = new Date(), transaction?: Transaction): Promise<void> {
  const { subject, text, html } = renderMail(mail.template, mail.view)
  const message = {
    // Name and address as parts, so that nothing in them can become a second header or a second recipient.
    from: { name: organisation().name, address: config().mailFrom },
    to: [{ name: '', address: mail.to }],
    subject: config().tryOut ? `[Demo] ${subject}` : subject,
    text,
    html,
    headers: { 'Auto-Submitted': 'auto-generated' },
    date: now,
    disableFileAccess: true,
    disableUrlAccess: true,
  }
  if (config().tryOut)
    return captureMail(
      { to: mail.to, subject: message.subject, text, html, raw: await composed(message) },
      now,
      transaction,
    )
  try {
    await smtp().sendMail(message)
  } catch (error) {
    throw classified(error as { code?: string; responseCode?: number })
  }
}

export function closeMail() {
  transport?.close()
}

async function composed(message: object): Promise<string> {
  const { message: raw } = await nodemailer.createTransport({ streamTransport: true, buffer: true }).sendMail(message)
  return (raw as Buffer).toString()
}

function smtp(): Transporter {
  const url = config().smtpUrl
  if (!url) throw new MailNotTaken('no-server', false)
  // requireTLS: a mail server without STARTTLS gets nothing; certificates are checked. The library takes such demands only beside the
  // address, and lets the address's own options win over them: so it gets none of these.
  const address = url.replace(/[?#].*$/, '')
  return (transport ??= nodemailer.createTransport({
    url: address,
    pool: true,
    requireTLS: true,
    connectionTimeout: 10_000,
  } as never))
}

// What the operator or time will mend, whatever number the server said with it: no reason to give a notice up.
const BEFORE_THE_MAIL = ['EAUTH', 'ETLS', 'EDNS', 'ETIMEDOUT', 'ECONNECTION', 'ESOCKET']

function classified(error: { code?: string; responseCode?: number }): MailNotTaken {
  if (BEFORE_THE_MAIL.includes(error.code ?? '')) return new MailNotTaken(error.code!, false)
  if (error.responseCode && error.responseCode >= 500) return new MailNotTaken('refused', true)
  return new MailNotTaken(error.responseCode && error.responseCode >= 400 ? 'later' : 'unknown', false)
}
