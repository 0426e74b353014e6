/** A session that is kept by what its person is sending: as long as bytes arrive, somebody is there who waits for them to. */
import type { Request } from 'express'
import { logError } from '../lib/logger.ts'
import { endsOf, extend, SessionEnded, stateByRow, stateOf } from './sessions.ts'

const EVERY = 60_000

/**
 * While a form with files arrives. A line on which nothing comes keeps nothing, and one whose session somebody ended is cut off: nobody is there
 * to whom the rest belongs. @param every milliseconds; only tests give others @returns what ends it
 */
export function keepSessionWhileArriving(request: Request, every = EVERY): () => void {
  if (!request.reader) return () => {}
  let seen = request.socket.bytesRead
  const timer = setInterval(() => {
    if (request.socket.bytesRead === seen) return
    seen = request.socket.bytesRead
    keepSession(request).catch((error: unknown) => {
      if (error instanceof SessionEnded) return request.destroy()
      // Nothing is let in by this: before the form is used its session is looked at again (see groups.ts).
      logError('A session could not be kept', error)
    })
  }, every).unref()
  const end = () => clearInterval(timer)
  request.once('close', end)
  return end
}

/**
 * Notes that its person is at it, at most twice a minute. The row is read anew first: what an upload of an hour ago knew of the session must not
 * be written over what happened since. Neither an ended session nor the end that cannot be put off is changed by it. One that goes on under another
 * id, because its person proved who they are, is kept by what they do there. @throws SessionEnded when somebody ended it
 */
export async function keepSession(request: Request, now = Date.now()): Promise<void> {
  if (now - (request.session.seenAt ?? 0) <= EVERY / 2) return
  if (!(await isReadAnew(request))) {
    if ((await stateByRow(request)) === 'none') throw new SessionEnded()
    return
  }
  if (stateOf(request.session, now) !== 'signed-in') return
  await extend(request, now)
  request.ends = endsOf(request.session)
}

function isReadAnew(request: Request): Promise<boolean> {
  return new Promise((done) => request.session.reload((error: unknown) => done(!error)))
}
