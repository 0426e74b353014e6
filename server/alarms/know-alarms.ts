import type { NextFunction, Request, Response } from 'express'
import { countOpenAlarms } from './alarm.store.ts'

/** Counts the open alarms for the banner on every page of administrators and auditors. */
export async function knowAlarms(request: Request, _response: Response, next: NextFunction) {
  const role = request.reader?.account.role
  if ((role === 'admin' || role === 'auditor') && request.accepts(['html', 'image/*', 'json']) === 'html')
    request.openAlarms = await countOpenAlarms()
  next()
}
