/**
 * The one place that turns errors into answers. What a person may be told stands in errors.ts; everything else is "something went wrong" with
 * the request's id. Nothing of the error itself, no version and no stack leaves.
 */
import type { NextFunction, Request, Response } from 'express'
import { organisation } from '../settings/settings.ts'
import { isAway, isFull } from '../database/connection.ts'
import {
  BadInput,
  Broken,
  FileUnopened,
  Gone,
  NoRoom,
  NotFound,
  SlowDown,
  TellableError,
  TooLarge,
  Unavailable,
} from '../errors.ts'
import { logError } from '../lib/logger.ts'
import { inWords } from '../lib/dates.ts'
import { checkFormToken, useFormSecrets } from './form-token.ts'
import { showPage, t } from './page.ts'
import { tellWait } from './tell-wait.ts'

export function notFound() {
  throw new NotFound()
}

/** Express calls it with any error of any step. */
export function showError(error: unknown, request: Request, response: Response, _next: NextFunction) {
  const told = tellable(error)
  if (told.status >= 500)
    logError('A request failed', error, { requestId: request.requestId, method: request.method, status: told.status })
  // Part of an answer has gone: it must not look whole.
  if (response.headersSent) return response.destroy()
  const until = told instanceof SlowDown ? tellWait(response, told) : ''
  try {
    prepare(request, response)
    if (told instanceof Gone) return showWithdrawn(told, request, response)
    if (told instanceof FileUnopened) return showUnopened(told, request, response)
    showPage(
      request,
      response,
      'errors/error',
      { title: t(`errors:${told.kind}.title`), kind: told.kind, reference: request.requestId, until },
      told.status,
    )
  } catch (problem) {
    logError('The error page failed', problem, { requestId: request.requestId })
    plainAnswer(request, response, told.status)
  }
}

function tellable(error: unknown): TellableError {
  if (error instanceof TellableError) return error
  if (isAway(error)) return new Unavailable()
  if (isFull(error)) return new NoRoom()
  const { status } = (error ?? {}) as { status?: unknown }
  // body-parser and Express say by `status` that the request was at fault.
  if (status === 413) return new TooLarge()
  if (typeof status === 'number' && status >= 400 && status < 500) return new BadInput()
  return new Broken()
}

/** What was taken back or erased says so, and whom to call. */
function showWithdrawn(told: Gone, request: Request, response: Response) {
  const view = {
    title: t('messages:withdrawn.title', { context: told.why }),
    reason: told.why,
    at: inWords(told.at),
    backHref: request.person ? '/messages' : '',
  }
  showPage(request, response, 'messages/withdrawn', view, told.status)
}

/** Which file cannot be opened, whether it is worth another try, and whom to call. */
function showUnopened({ kind, fileName, messageId, status }: FileUnopened, request: Request, response: Response) {
  const view = {
    title: t('attachments:unopened.title', { context: kind }),
    kind,
    name: fileName,
    backHref: `/messages/${messageId}`,
    reference: request.requestId,
  }
  showPage(request, response, 'attachments/unopened', view, status)
}

/** Early errors come before the steps that a page needs. */
function prepare(request: Request, response: Response) {
  if (request.csrfToken !== undefined) return
  if (!request.formSecrets) useFormSecrets(request, response, undefined)
  request.method = 'GET'
  checkFormToken(request, response, () => {})
}

/** Works with every template broken. */
function plainAnswer(request: Request, response: Response, status: number) {
  const { name, phone, hours } = organisation()
  response
    .status(status)
    .type('text')
    .send(
      `Something went wrong on our side. Please try again, or call ${name}: ${phone} (${hours}).\nReference: ${request.requestId}\n`,
    )
}
