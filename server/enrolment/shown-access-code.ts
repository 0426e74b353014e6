/** An access code on its way to the one page that shows it: sealed in the sender's session, and gone when it was shown. */
import type { Request } from 'express'
import type { AccessCode } from './access-code.ts'
import { sealForSession, unsealFromSession } from '../sign-in/sessions.ts'

/** Keeps a code until the page of this message shows it. */
export function keepToShow(request: Request, messageId: string, { code, expiresAt }: AccessCode) {
  const text = JSON.stringify({ messageId, code, expiresAt: expiresAt.toISOString() })
  request.session.accessCode = sealForSession(request, 'access-code', Buffer.from(text))
}

/** The code that is to be shown with this message, once: a page that is only looked for (HEAD) leaves it. */
export function takeToShow(request: Request, messageId: string): AccessCode | undefined {
  const sealed = request.session.accessCode
  if (!sealed) return undefined
  const kept = JSON.parse(unsealFromSession(request, 'access-code', sealed).toString()) as Record<string, string>
  if (kept['messageId'] !== messageId) return undefined
  if (request.method === 'GET') delete request.session.accessCode
  return { code: kept['code']!, expiresAt: new Date(kept['expiresAt']!) }
}
