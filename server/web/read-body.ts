import express, { type NextFunction, type Request, type Response } from 'express'
import { BadInput } from '../errors.ts'

const withOddNames = new WeakSet<object>()
const parse = express.urlencoded({
  extended: false,
  // A field of 1 MiB is still read, so that it is refused for what it is.
  limit: 1_060_000,
  parameterLimit: 100,
  // The parser would leave such a name out and read the rest.
  verify(request, _response, body) {
    if (/(^|&)(_|%5f){2}proto/i.test(body.toString('latin1'))) withOddNames.add(request)
  },
})

/** Reads a form's body into flat names and texts. Brackets and prototype names are refused: no page of ours sends them. */
export function readBody(request: Request, response: Response, next: NextFunction) {
  parse(request, response, (error?: unknown) => {
    if (error) return next(error)
    try {
      if (withOddNames.has(request)) throw new BadInput('a field has the name of a prototype')
      checkNames(request.body)
      next()
    } catch (problem) {
      next(problem)
    }
  })
}

/** @throws BadInput for names that no form of ours has */
export function checkNames(body: unknown) {
  for (const name of Object.keys((body ?? {}) as object))
    if (!/^[a-z][a-z0-9_-]{0,63}$/i.test(name) && name !== '_csrf') throw new BadInput('a field has an odd name')
}
