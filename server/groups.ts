/**
 * The groups of routes.ts. A group knows who may ask and puts the steps of every request into the one right order: guard, then the body (files
 * are sealed while they arrive), then the form's token, then the guard once more when the body was not there at first, then the page. Origin and
 * Sec-Fetch-Site were checked before, in app.ts.
 */
import { buffer } from 'node:stream/consumers'
import { Router, type NextFunction, type Request, type RequestHandler, type Response } from 'express'
import type { Role } from './accounts/account.store.ts'
import { LIMITS } from './attachments/attachment.ts'
import { dropUpload, keepUpload } from './attachments/keep-upload.ts'
import { receiveFiles, receiveTexts, roomFor, type FilesWanted } from './attachments/sealing-storage.ts'
import { BadInput, FormExpired } from './errors.ts'
import { turns } from './lib/turns.ts'
import { savesByItself } from './messages/draft.pages.ts'
import { giveBack } from './messages/given-back.pages.ts'
import { lateWriter, writerIn } from './messages/late-writer.ts'
import { only, provedRecently } from './sign-in/guards.ts'
import { keepSessionWhileArriving } from './sign-in/keep-session.ts'
import { meetReaderAgain } from './sign-in/know-reader.ts'
import { checkFormToken, checkHeaderToken } from './web/form-token.ts'
import { checkNames, readBody } from './web/read-body.ts'

type Page = (request: Request, response: Response) => void | Promise<void>

export interface Group {
  get(path: string, page: Page): void
  /**
   * @param late what to do with a form that came after its session had ended; without it the person is led to the sign-in. What it cannot be kept
   * for, because somebody ended the session, is given back
   */
  post(path: string, page: Page, late?: Page): void
  /** A form that may carry files. */
  upload(path: string, page: Page, late?: Page): void
  /** A form that may carry a list of people: small, and in memory only. */
  list(path: string, page: Page): void
  /** Bytes that a page's script sends, which the page reads by itself; the token is in a header. */
  patch(path: string, page: Page): void
  delete(path: string, page: Page): void
}

export const router = Router({ caseSensitive: true, strict: true })

export const anyone = group((_request, _response, next) => next())
export const signedIn = group(only())
/** Signed-in people of these roles. Everybody else is told that there is no such page, and the log that they asked. */
export const allowed = (...roles: Role[]) => group(only(...roles))
/** The same, and they have proved within five minutes who they are. */
export const proved = (...roles: Role[]) => group(only(...roles), provedRecently)

function group(...guards: RequestHandler[]): Group {
  const orLate = (late?: Page) => [...guards.map((guard) => guardOrLate(guard, late)), noteArrival]
  const again = (late?: Page) => [lookAgain, ...guards.map((guard) => guardAgain(guard, late))]
  return {
    get: (path, page) => router.get(path, ...guards, checkFormToken, page),
    post: (path, page, late) =>
      router.post(
        path,
        ...orLate(late),
        readBody,
        orGiveBack(checkFormToken, late),
        ...again(late),
        pageOrLate(page, late),
      ),
    upload: (path, page, late) =>
      router.post(
        path,
        ...orLate(late),
        receive,
        orGiveBack(checkUploadForm, late),
        ...again(late),
        pageOrLate(page, late),
      ),
    list: (path, page) => router.post(path, ...orLate(), receiveList, readForm, ...again(), page),
    patch: (path, page) => router.patch(path, ...guards, checkHeaderToken, page),
    delete: (path, page) => router.delete(path, ...guards, checkHeaderToken, page),
  }
}

/** A form from a session that has ended passes its guard only to be kept for its writer. */
function guardOrLate(guard: RequestHandler, late: Page | undefined): RequestHandler {
  return async (request, response, next) => {
    if (late && request.sessionState === 'ended' && (await lateWriter(request))) return next()
    const isNobody = ['none', 'ended'].includes(request.sessionState)
    if (late && isNobody && !savesByItself(request)) return giveBackUnread(request, response, next)
    return guard(request, response, next)
  }
}

/** Anybody at all can send one, and its texts stand in memory until it is whole: so not many at once, and no other waits unread. */
const fewAtOnce = turns(20, 0)

/** The form of somebody who is nobody now: of what it holds only the texts are read. */
function giveBackUnread(request: Request, response: Response, next: NextFunction) {
  fewAtOnce(() => textsArrived(request, response)).then(
    () => readForm(request, response, givingBack(request, response, next)),
    next,
  )
}

function textsArrived(request: Request, response: Response): Promise<void> {
  return new Promise((done, fail) => {
    response.once('close', () => fail(new BadInput('the form broke off')))
    receiveTexts(roomFor(filesWanted()))(request, response, (error?: unknown) =>
      error ? fail(error as Error) : done(),
    )
  })
}

/** A form of the sign-in before carries a token that counts no more. */
function orGiveBack(check: RequestHandler, late: Page | undefined): RequestHandler {
  return (request, response, next) =>
    check(request, response, late && !savesByItself(request) ? givingBack(request, response, next, next) : next)
}

/** Goes on from a form's token: one that does not count gives the texts back. @param fits when it counts; giving back too, when absent */
function givingBack(request: Request, response: Response, next: NextFunction, fits?: NextFunction): NextFunction {
  return (problem?: unknown) => {
    if (problem && !(problem instanceof FormExpired)) return next(problem)
    if (!problem && fits) return fits()
    try {
      giveBack(request, response)
    } catch (error) {
      next(error)
    }
  }
}

function pageOrLate(page: Page, late: Page | undefined): RequestHandler {
  return (request, response) =>
    request.sessionState === 'ended' && late ? late(request, response) : page(request, response)
}

/** Requests whose body was not there yet when the guards looked. Slow lines take hours for it; of a small form it comes with the head. */
const arrivesLater = new WeakSet<Request>()

function noteArrival(request: Request, _response: Response, next: NextFunction) {
  if (!request.complete) arrivesLater.add(request)
  next()
}

/** What the guards let in may be over by the time that its body has arrived: access is suspended, a role changed, a team left, a proof too old. */
async function lookAgain(request: Request, _response: Response, next: NextFunction) {
  if (arrivesLater.has(request) && request.reader) {
    const { id } = request.reader.account
    await meetReaderAgain(request)
    if (request.sessionState === 'none') await dropKept(request, id)
  }
  next()
}

/** As before the body, which is here by now: what cannot be kept for its writer is given back. */
function guardAgain(guard: RequestHandler, late: Page | undefined): RequestHandler {
  return async (request, response, next) => {
    if (!arrivesLater.has(request)) return next()
    if (late && request.sessionState === 'ended' && (request.lateWriter ?? (await lateWriter(request)))) return next()
    const isNobody = ['none', 'ended'].includes(request.sessionState)
    if (late && isNobody && !savesByItself(request)) return giveBack(request, response)
    return guard(request, response, next)
  }
}

function filesWanted() {
  return { field: 'files', maxFiles: LIMITS.files, maxFileSize: LIMITS.fileBytes }
}

/** Whoever sends files is there as long as bytes arrive. */
function receive(request: Request, response: Response, next: NextFunction) {
  const end = keepSessionWhileArriving(request)
  const wanted: FilesWanted<string> = {
    ...filesWanted(),
    keep: (_request, part, source) => {
      const { accountId, own } = writerIn(request)
      return keepUpload({ accountId, mailbox: own, actor: request.actor }, part, source)
    },
    drop: (_request, id) => dropUpload(writerIn(request).accountId, id),
  }
  receiveFiles(wanted)(request, response, (error?: unknown) => {
    end()
    next(error)
  })
}

/** Nothing of it rests anywhere. */
function receiveList(request: Request, response: Response, next: NextFunction) {
  const wanted: FilesWanted<Buffer> = {
    field: 'list',
    maxFiles: 1,
    maxFileSize: LARGEST_LIST,
    maxRequestSize: 4 * LARGEST_LIST,
    keep: (_request, _part, source) => buffer(source),
    drop: () => Promise.resolve(),
  }
  receiveFiles(wanted)(request, response, next)
}

const LARGEST_LIST = 1024 * 1024

/** The token of a form with files exists only after the files were received; a forged form's files are dropped at once. */
function checkUploadForm(request: Request, response: Response, next: NextFunction) {
  readForm(request, response, (error?: unknown) => {
    if (!error) return next()
    dropKept(request, writerIn(request).accountId).then(() => next(error), next)
  })
}

async function dropKept(request: Request, accountId: string) {
  const kept = (request.keptFiles ?? []) as string[]
  await Promise.all(kept.map((id) => dropUpload(accountId, id)))
}

/** Reads a form without files; one with files was read where they were received. Then names and token are looked at. */
function readForm(request: Request, response: Response, next: NextFunction) {
  if (!request.is('multipart/form-data'))
    return readBody(request, response, (error) => (error ? next(error) : checkFormToken(request, response, next)))
  checkFormToken(request, response, (error?: unknown) => {
    if (error) return next(error)
    try {
      checkNames(request.body)
      next()
    } catch (problem) {
      next(problem)
    }
  })
}
