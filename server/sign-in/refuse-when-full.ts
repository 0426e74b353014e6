/**
 * The very first step of a request: refuses sign-ins while as many are under way as may be. A flood then costs one look at a number and one
 * answer that was made once, before Express and all its steps.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { newId } from '../lib/ids.ts'
import { logWarning } from '../lib/logger.ts'
import { headersOfEveryAnswer } from '../web/headers.ts'
import { pageForAnybody, t } from '../web/page.ts'
import { tokenOfDevice } from './known-device.ts'
import { hasRoomForStranger } from './strangers.ts'

/** Stands before `app`. Who has a device's cookie goes on: theirs may be known, and then another queue is theirs. */
export function refuseWhenFull(app: RequestListener): RequestListener {
  return (request, response) => {
    if (hasRoomForStranger() || !isSignIn(request) || tokenOfDevice(request)) return app(request, response)
    refuse(response)
  }
}

function isSignIn({ method, url = '' }: IncomingMessage) {
  return method === 'POST' && SIGN_IN.test(url)
}

// The whole address may stand in a request's first line (RFC 9112 section 3.2.2).
const SIGN_IN = /^(https?:\/\/[^/?#]*)?\/sign-in(\?|$)/i

let made: { page: string; headers: Record<string, string> } | undefined

function refuse(response: ServerResponse) {
  made ??= makeAnswer()
  response.writeHead(429, { 'X-Request-Id': newId(), ...made.headers })
  response.end(made.page)
  countRefusal()
}

function makeAnswer() {
  const page = pageForAnybody('/sign-in', 'sign-in/busy', { title: t('sign-in:busy.title') })
  const headers = {
    ...headersOfEveryAnswer(),
    'Retry-After': '5',
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Length': String(Buffer.byteLength(page)),
  }
  return { page, headers }
}

let refused = 0

/** One line a second in place of one for each. */
function countRefusal() {
  if (refused++ > 0) return
  setTimeout(() => {
    logWarning('Sign-ins were refused: as many were under way as may be', { count: refused, status: 429 })
    refused = 0
  }, 1000).unref()
}
