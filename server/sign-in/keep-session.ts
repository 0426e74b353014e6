/** A session that is kept by what its person is sending: as long as bytes arrive, somebody is there who waits for them to. */
import type { Request } from 'express'
import { logError } from '../lib/logger.ts'
import { endsOf, extend, stateOf } from './sessions.ts'

const EVERY = 60_000

/** While a form with files arrives. A line on which nothing comes keeps nothing. @returns what ends it */
export function keepSessionWhileArriving(request: Request): () => void {
  if (!request.reader) return () => {}
  let seen = request.socket.bytesRead
  const timer = setInterval(() => {
    if (request.socket.bytesRead === seen) return
    seen = request.socket.bytesRead
    keepSession(request).catch((error: unknown) => logError('A session could not be kept', error))
  }, EVERY).unref()
  const end = () => clearInterval(timer)
  request.once('close', end)
  return end
}

/**
 * Notes that its person is at it, at most twice a minute. The row is read anew first: what an upload of an hour ago knew of the session must not
 * be written over what happened since. Neither an ended session nor the end that cannot be put off is changed by it.
 */
export async function keepSession(request: Request, now = Date.now()): Promise<void> {
  if (now - (request.session.seenAt ?? 0) <= EVERY / 2) return
  await new Promise<void>((done, fail) =>
    request.session.reload((error: unknown) => (error ? fail(error as Error) : done())),
  )
  if (stateOf(request.session, now) !== 'signed-in') return
  await extend(request, now)
  request.ends = endsOf(request.session)
}
