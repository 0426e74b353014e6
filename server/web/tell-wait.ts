import type { Response } from 'express'
import type { SlowDown } from '../errors.ts'
import { inShort } from '../lib/dates.ts'

/** Tells the asker's program in a header how long to wait. @returns the moment as a person reads it: "2:02 pm", or "Tue 2:02 pm" when it is not today */
export function tellWait(response: Response, { until }: SlowDown): string {
  response.set('Retry-After', String(Math.max(1, Math.ceil((until.getTime() - Date.now()) / 1000))))
  return inShort(until).text
}
