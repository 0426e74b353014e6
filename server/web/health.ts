import type { Request, Response } from 'express'
import { ask } from '../database/connection.ts'

/** The process answers. */
export function live(_request: Request, response: Response) {
  response.type('text').send('ok\n')
}

/** The database answers too. No detail for those who are not signed in. */
export async function ready(_request: Request, response: Response) {
  try {
    await ask('SELECT 1')
    response.type('text').send('ok\n')
  } catch {
    response.status(503).type('text').send('not ready\n')
  }
}
