import express, { type NextFunction, type Request, type Response } from 'express'
import { BadInput } from '../errors.ts'

const parse = express.urlencoded({ extended: false, limit: '1mb', parameterLimit: 100 })

/** Reads a form's body into flat names and texts. Brackets and prototype names are refused: no page of ours sends them. */
export function readBody(request: Request, response: Response, next: NextFunction) {
  parse(request, response, (error?: unknown) => {
    if (error) return next(error)
    try {
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
