/** The pages and bytes of a file. */
import { pipeline, type Readable } from 'node:stream'
import type { Request, Response } from 'express'
import { downloadHeaders } from '../attachments/download-headers.ts'
import { rangeOf, tagOf } from '../attachments/range.ts'
import { Closed, NotFound } from '../errors.ts'
import { isId } from '../lib/ids.ts'
import { logError } from '../lib/logger.ts'
import { readerOf } from '../sign-in/guards.ts'
import { showPage } from '../web/page.ts'
import { attachmentView } from './attachment.view.ts'
import {
  downloadAttachment,
  openAttachment,
  openCheckState,
  openPage,
  openThumbnail,
  recordBrokenOff,
  type OpenedFile,
  type Wanted,
} from './open-attachment.ts'
import { EnvelopeRefused } from '../vault/floe.ts'

/** GET /attachments/:attachment */
export async function showAttachment(request: Request, response: Response) {
  const opened = await openAttachment(readerOf(request), attachmentIn(request)).catch(messageOfClosed)
  if (typeof opened === 'string') return response.redirect(303, `/messages/${opened}`)
  showFile(request, response, opened)
}

function showFile(request: Request, response: Response, file: OpenedFile, status = 200) {
  const staff = readerOf(request).account.role === 'provider'
  showPage(request, response, 'attachments/attachment', attachmentView(file, staff), status)
}

/** GET /attachments/:attachment/check: for the page's script, which asks until it may be shown. */
export async function sendCheckState(request: Request, response: Response) {
  response.json({ state: await openCheckState(readerOf(request), attachmentIn(request)) })
}

/** GET /attachments/:attachment/thumbnail */
export async function sendThumbnail(request: Request, response: Response) {
  sendPicture(response, await openThumbnail(readerOf(request), attachmentIn(request)))
}

/** GET /attachments/:attachment/pages/:page */
export async function sendPage(request: Request, response: Response) {
  const page = String(request.params['page'])
  if (!/^[1-9]\d{0,3}$/.test(page)) throw new NotFound('not a page')
  sendPicture(response, await openPage(readerOf(request), attachmentIn(request), Number(page)))
}

function sendPicture(response: Response, bytes: Buffer) {
  response
    .type('image/webp')
    .set('X-Content-Type-Options', 'nosniff')
    .set('Content-Security-Policy', "sandbox; default-src 'none'")
    .send(bytes)
}

/**
 * GET and HEAD /attachments/:attachment/download, whole or from any place on: unsealed as it streams; a broken segment breaks the connection
 * instead of ending it cleanly.
 */
export async function download(request: Request, response: Response) {
  const id = attachmentIn(request)
  const opened = await downloadAttachment(readerOf(request), id, wantedIn(request)).catch(messageOfClosed)
  if (typeof opened === 'string') return response.redirect(303, `/messages/${opened}`)
  const { file, bytes } = opened
  if (!bytes) return showFile(request, response, file, 403)
  const { name, type, size } = file.attachment
  const range = rangeOf({ range: request.get('range'), ifRange: request.get('if-range') }, tagOf(id), size)
  const about = { 'Accept-Ranges': 'bytes', ETag: tagOf(id) }
  if (range === 'none')
    return void response
      .status(416)
      .set({ ...about, 'Content-Range': `bytes */${size}` })
      .end()
  const { from, to } = range === 'whole' ? { from: 0, to: size } : range
  // Before any header of the file, because what cannot be opened is told by a page.
  const sent = request.method === 'HEAD' ? undefined : await bytes({ from, to })
  if (range !== 'whole') response.status(206).set('Content-Range', `bytes ${from}-${to - 1}/${size}`)
  response.set({ ...about, ...downloadHeaders(name, type), 'Content-Length': String(to - from) })
  if (!sent) return void response.end()
  await sendBytes(request, response, sent, () => recordBrokenOff(readerOf(request), id))
}

function wantedIn(request: Request): Wanted {
  if (request.method === 'HEAD') return 'head'
  return request.get('range') === undefined ? 'whole' : 'part'
}

function sendBytes(
  request: Request,
  response: Response,
  bytes: Readable,
  noteBrokenOff: () => Promise<void>,
): Promise<void> {
  return new Promise<void>((done) => {
    pipeline(bytes, response, (error) => {
      if (!error) return done()
      if (error instanceof EnvelopeRefused || error.code !== 'ERR_STREAM_PREMATURE_CLOSE')
        logError('A download broke off', error, { requestId: request.requestId })
      // The answer is gone by now: a log that cannot be written is told by record itself.
      noteBrokenOff().then(done, done)
    })
  })
}

/** The message whose page says why its file cannot be opened now. */
function messageOfClosed(error: unknown): string {
  if (error instanceof Closed) return error.messageId
  throw error
}

function attachmentIn(request: Request): string {
  const id = request.params['attachment']
  if (!isId(id)) throw new NotFound('not an id')
  return id
}
