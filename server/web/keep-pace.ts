/**
 * A body may take hours, when it is a large file on a slow line; it may not stand still. Whoever sends next to nothing for a minute is cut off, so
 * that lines cannot be held for the price of a byte now and then. How long a body may be is decided where it is read.
 */
import type { NextFunction, Request, Response } from 'express'
import { logInfo } from '../lib/logger.ts'

const EVERY = 60_000
/** Some eight hundred bits a second: less than any telephone line that a page could be read on. */
const LEAST = 6_000

/** @param least bytes in `every` milliseconds; only tests give others */
export function keepPace(every = EVERY, least = LEAST) {
  return (request: Request, _response: Response, next: NextFunction) => {
    if (hasBody(request)) watch(request, every, least)
    next()
  }
}

function hasBody({ headers }: Request): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

function watch(request: Request, every: number, least: number): void {
  let seen = request.socket.bytesRead
  const timer = setInterval(() => {
    const arrived = request.socket.bytesRead - seen
    seen = request.socket.bytesRead
    if (request.complete) return clearInterval(timer)
    // What waits here to be read is not the sender's fault.
    if (arrived >= least || request.readableLength > 0) return
    clearInterval(timer)
    logInfo('A body that stood still was cut off', { requestId: request.requestId })
    request.destroy()
  }, every).unref()
  request.once('close', () => clearInterval(timer))
}
