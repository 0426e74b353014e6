/** Security headers of every answer. helmet is imported only here. */
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import helmet from 'helmet'
import { config } from '../config.ts'

/** Nothing from elsewhere, nothing inline, nobody may frame us. `no-store` unless a route (static files) says otherwise. */
export function securityHeaders() {
  const https = config().baseUrl.startsWith('https:')
  const protect = helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'"],
        scriptSrc: ["'self'"],
        connectSrc: ["'self'"],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
        ...(https ? { upgradeInsecureRequests: [] } : {}),
      },
    },
    strictTransportSecurity: https ? { maxAge: 63_072_000, includeSubDomains: false } : false,
    // Nothing goes to other sites. Not `no-referrer`: browsers then send `Origin: null` with our own forms (Fetch standard, section 3.2).
    referrerPolicy: { policy: 'same-origin' },
    frameguard: { action: 'deny' },
    crossOriginEmbedderPolicy: { policy: 'require-corp' },
  })
  return (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => {
    response.setHeader('Cache-Control', 'no-store')
    response.setHeader(
      'Permissions-Policy',
      'camera=(), geolocation=(), microphone=(), publickey-credentials-get=(self)',
    )
    protect(request, response, next)
  }
}

/** The same as a list, for an answer that is made before there is anything to answer. */
export function headersOfEveryAnswer(): Record<string, string> {
  const request = new IncomingMessage(new Socket())
  const response = new ServerResponse(request)
  securityHeaders()(request, response, () => {})
  return response.getHeaders() as Record<string, string>
}
