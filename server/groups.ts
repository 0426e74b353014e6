/**
 * The groups of routes.ts. A group knows who may ask and puts the steps of every request into the one right order: guard, then the body (files
 * are sealed while they arrive), then the form's token, then the page. Origin and Sec-Fetch-Site were checked before, in app.ts.
 */
import { Router, type NextFunction, type Request, type RequestHandler, type Response } from 'express'
import type { Role } from './accounts/account.store.ts'
import { LIMITS } from './attachments/attachment.ts'
import { dropUpload, keepUpload } from './attachments/keep-upload.ts'
import { receiveFiles } from './attachments/sealing-storage.ts'
import { lateWriter, writerIn } from './messages/late-writer.ts'
import { only, provedRecently } from './sign-in/guards.ts'
import { checkFormToken } from './web/form-token.ts'
import { checkNames, readBody } from './web/read-body.ts'

type Page = (request: Request, response: Response) => void | Promise<void>

export interface Group {
  get(path: string, page: Page): void
  /** @param late what to do with a form that came after its session had ended; without it the person is led to the sign-in */
  post(path: string, page: Page, late?: Page): void
  /** A form that may carry files. */
  upload(path: string, page: Page, late?: Page): void
}

export const router = Router({ caseSensitive: true, strict: true })

export const anyone = group((_request, _response, next) => next())
export const signedIn = group(only())
/** Signed-in people of these roles. Everybody else is told that there is no such page, and the log that they asked. */
export const allowed = (...roles: Role[]) => group(only(...roles))
/** The same, and they have proved within five minutes who they are. */
export const proved = (...roles: Role[]) => group(only(...roles), provedRecently)

function group(...guards: RequestHandler[]): Group {
  const orLate = (late: Page | undefined) => guards.map((guard) => guardOrLate(guard, late))
  return {
    get: (path, page) => router.get(path, ...guards, checkFormToken, page),
    post: (path, page, late) => router.post(path, ...orLate(late), readBody, checkFormToken, pageOrLate(page, late)),
    upload: (path, page, late) => router.post(path, ...orLate(late), receive, checkUploadForm, pageOrLate(page, late)),
  }
}

/** A form from a session that has ended passes its guard only to be kept for its writer. */
function guardOrLate(guard: RequestHandler, late: Page | undefined): RequestHandler {
  return async (request, response, next) => {
    if (late && request.sessionState === 'ended' && (await lateWriter(request))) return next()
    return guard(request, response, next)
  }
}

function pageOrLate(page: Page, late: Page | undefined): RequestHandler {
  return (request, response) =>
    request.sessionState === 'ended' && late ? late(request, response) : page(request, response)
}

const receive = receiveFiles<string>({
  field: 'files',
  maxFiles: LIMITS.files,
  maxFileSize: LIMITS.fileBytes,
  keep: (request, part, source) => {
    const { accountId, own } = writerIn(request)
    return keepUpload({ accountId, mailbox: own, actor: request.actor }, part, source)
  },
  drop: (request, id) => dropUpload(writerIn(request).accountId, id),
})

/** The token of a form with files exists only after the files were received; a forged form's files are dropped at once. */
function checkUploadForm(request: Request, response: Response, next: NextFunction) {
  if (!request.is('multipart/form-data'))
    return readBody(request, response, (error) => (error ? next(error) : checkFormToken(request, response, next)))
  checkFormToken(request, response, (error?: unknown) => {
    if (!error) {
      try {
        checkNames(request.body)
        return next()
      } catch (problem) {
        error = problem
      }
    }
    const kept = (request.keptFiles ?? []) as string[]
    Promise.all(kept.map((id) => dropUpload(writerIn(request).accountId, id))).then(() => next(error), next)
  })
}
