/** A certificate of destruction as a file, for the side that had sent the message, and for administrators and auditors. */
import type { Request, Response } from 'express'
import { record } from '../audit/record.ts'
import { NotFound } from '../errors.ts'
import { readerOf } from '../sign-in/guards.ts'
import { findCertificate } from './certificate.store.ts'
import { claimOrRefuse } from './open-thread.ts'
import { messageIn } from './thread.pages.ts'

/** GET /messages/:message/certificate */
export async function downloadOwnCertificate(request: Request, response: Response) {
  const { message } = await claimOrRefuse(readerOf(request), messageIn(request))
  if (!readerOf(request).mailboxes.some(({ id }) => id === message.fromMailboxId))
    throw new NotFound('not sent by them')
  await sendCertificate(request, response, message.id)
}

/** @throws NotFound when there is none */
export async function sendCertificate(request: Request, response: Response, messageId: string) {
  const certificate = await findCertificate(messageId)
  if (!certificate) throw new NotFound('no certificate')
  await record(readerOf(request).actor, {
    act: 'certificate.downloaded',
    subject: { kind: 'message', id: messageId },
  })
  response.attachment(`certificate-${messageId}.txt`).type('text/plain').send(certificate.note)
}
