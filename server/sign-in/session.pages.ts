/** Keeping a session: the one thing that the page's script may ask for somebody who is there. */
import type { Request, Response } from 'express'
import { timeLeft } from '../web/page.ts'
import { endsOf, extend } from './sessions.ts'

/** POST /session/extend. Answers with the new ends; the end that cannot be put off stays what it was. */
export async function extendSession(request: Request, response: Response) {
  await extend(request)
  request.ends = endsOf(request.session)
  response.json(timeLeft(request))
}
