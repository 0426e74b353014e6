/**
 * Which host a request may be for, and when it counts as secure. This is the one place that decides that plain http on the loopback is as
 * good as https: browsers say so too (W3C Secure Contexts section 3.1), and `__Host-` cookies work there.
 */
import { isIP } from 'node:net'
import type { NextFunction, Request, Response } from 'express'
import { config, isLoopbackHost } from '../config.ts'
import { BadInput } from '../errors.ts'

/** Refuses other hosts than our own, so that no name from a request can reach a mail or a page. Plain http elsewhere goes to https. */
export function checkHost(request: Request, response: Response, next: NextFunction) {
  const host = request.headers.host ?? ''
  const hostname = host.replace(/:\d+$/, '').toLowerCase()
  const onLoopback = isLoopbackHost(hostname) && isLoopbackHost(stripV4Prefix(request.socket.localAddress ?? ''))
  if (countOfHosts(request) !== 1 || (host.toLowerCase() !== new URL(config().baseUrl).host && !onLoopback))
    throw new BadInput('This server does not answer for that host name.')
  if (request.secure || onLoopback) {
    Object.defineProperty(request, 'secure', { value: true })
    return next()
  }
  response.redirect(308, config().baseUrl + request.originalUrl.replace(/^\/*/, '/'))
}

/** For which site a browser keeps a passkey: WebAuthn's "RP ID", and the origin that it is used from. */
export interface Site {
  id: string
  origin: string
}

/** The site of a request that `checkHost` let pass. @returns undefined where browsers keep no passkeys: at a bare network address */
export function siteOf(request: Request): Site | undefined {
  const host = (request.headers.host ?? '').toLowerCase()
  const { baseUrl } = config()
  const origin = host === new URL(baseUrl).host ? baseUrl : `http://${host}`
  const id = new URL(origin).hostname
  return isIP(id.replace(/^\[|\]$/g, '')) === 0 ? { id, origin } : undefined
}

function countOfHosts(request: Request) {
  return request.rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host').length
}

function stripV4Prefix(address: string) {
  return address.replace(/^::ffff:/, '')
}
