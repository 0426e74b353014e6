import type { NextFunction, Request, Response } from 'express'
import { digestOfDevice, tokenOfDevice } from './known-device.ts'

/** Says with the actor by which device's cookie the request came. Asks nothing and decides nothing. */
export function knowDevice(request: Request, _response: Response, next: NextFunction) {
  const token = tokenOfDevice(request)
  if (token) request.actor = { ...request.actor, device: digestOfDevice(token) }
  next()
}
