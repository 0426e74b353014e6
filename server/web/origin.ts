import type { NextFunction, Request, Response } from 'express'
import { config, isLoopbackHost } from '../config.ts'
import { BadInput, FormExpired } from '../errors.ts'

const READS = ['GET', 'HEAD', 'OPTIONS']

/**
 * Looks at where a form comes from before a byte of its body is read: `Origin` must be our own, and `Sec-Fetch-Site`, where a browser
 * sends it, must be same-origin (OWASP ASVS 5.0 section 3.5). The form's token is checked after.
 */
export function checkOrigin(request: Request, _response: Response, next: NextFunction) {
  if (READS.includes(request.method)) {
    if (isReadFromElsewhere(request)) throw new BadInput('asked for by another site')
    return next()
  }
  const origin = request.get('origin')
  const site = request.get('sec-fetch-site')
  if (origin !== undefined && !isOwn(origin, request.headers.host))
    throw new FormExpired('the form came from another site')
  if (site !== undefined && site !== 'same-origin') throw new FormExpired('the form came from another site')
  // Pages send forms; JSON has doors of its own.
  if (/^application\/([a-z.+-]+\+)?json/i.test(request.get('content-type') ?? ''))
    throw new BadInput('a form was expected')
  next()
}

/**
 * Whether another site's page asks for a picture, a script, a frame or by fetch: then nothing of ours answers it, and it learns nothing from how
 * (Fetch Metadata, W3C). Somebody who follows a link, from a mail for example, comes to a page of their own.
 */
function isReadFromElsewhere(request: Request): boolean {
  const site = request.get('sec-fetch-site')
  if (site === undefined || site === 'same-origin' || site === 'none') return false
  const follows = request.get('sec-fetch-mode') === 'navigate'
  return !follows || !['document', undefined].includes(request.get('sec-fetch-dest'))
}

/** The origin of the settings, scheme and all; on the loopback also plain http to the host that was asked for (see host.ts). */
function isOwn(origin: string, host = '') {
  const onLoopback = isLoopbackHost(host.replace(/:\d+$/, '').toLowerCase())
  return origin === config().baseUrl || (onLoopback && origin === `http://${host.toLowerCase()}`)
}
