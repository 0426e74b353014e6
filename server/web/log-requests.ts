import type { NextFunction, Request, Response } from 'express'
import { logInfo } from '../lib/logger.ts'

/** One line a request: the pattern of its route and never its address, which may hold a link's token. */
export function logRequests(request: Request, response: Response, next: NextFunction) {
  const start = process.hrtime.bigint()
  response.on('finish', () => {
    const route: unknown = (request.route as { path?: unknown } | undefined)?.path
    logInfo('answered', {
      requestId: request.requestId,
      method: request.method,
      route: typeof route === 'string' ? route : 'none',
      status: response.statusCode,
      milliseconds: Number((process.hrtime.bigint() - start) / 1_000_000n),
    })
  })
  next()
}
