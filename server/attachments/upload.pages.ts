/**
 * Uploads in pieces, as a page's script asks for them: begin, send piece after piece, ask how far it is after a lost line, finish, take back.
 * Answers are small JSON; a signed-out script is led to the sign-in like everybody and notices.
 */
import type { Request, Response } from 'express'
import { BadInput, NotFound, TooLarge } from '../errors.ts'
import { isId } from '../lib/ids.ts'
import { readerOf } from '../sign-in/guards.ts'
import { keepSession } from '../sign-in/keep-session.ts'
import { t, timeLeft } from '../web/page.ts'
import { addPiece, MOST_PIECE, OutOfPlace } from './add-piece.ts'
import { beginUpload } from './begin-upload.ts'
import { BeingFinished, finishPieces } from './finish-pieces.ts'
import { dropUpload } from './keep-upload.ts'
import { PIECE_ROOM } from './sealed-files.ts'
import { FileRefused } from './sealing-storage.ts'
import { uploadForm } from './upload.form.ts'
import { fileKinds } from './file-kinds.ts'
import { dropPieces, findOwnUpload } from './upload-in-pieces.ts'

/** What a page begins with; on a good line its script takes more at once. */
const A_MEGABYTE = 4 * PIECE_ROOM

/** POST /uploads */
export async function beginPieces(request: Request, response: Response) {
  const file = uploadForm(request.body)
  try {
    const id = await beginUpload(readerOf(request), file)
    response.status(201).json({ id, offset: 0, step: A_MEGABYTE, most: MOST_PIECE })
  } catch (error) {
    tellProblem(response, error)
  }
}

/** GET and HEAD /uploads/:upload. Also tells the token that counts now, for a page whose person has signed in again elsewhere. Keeps no session. */
export async function showUpload(request: Request, response: Response) {
  const found = await findOwnUpload(readerOf(request), uploadIn(request))
  const where =
    found.kind === 'whole' ? { done: true } : { done: false, offset: found.upload.offset, size: found.upload.size }
  if (where.offset !== undefined) response.set('Upload-Offset', String(where.offset))
  response.json({ ...where, token: request.csrfToken(), left: timeLeft(request) })
}

/** PATCH /uploads/:upload. A piece that was kept is a use of the session, as a click is. */
export async function takePiece(request: Request, response: Response) {
  const piece = { offset: number(request, 'upload-offset'), length: number(request, 'content-length'), bytes: request }
  try {
    const offset = await addPiece(readerOf(request), uploadIn(request), piece)
    await keepSession(request)
    response.set('Upload-Offset', String(offset)).json({ offset, left: timeLeft(request) })
  } catch (error) {
    await tellWhere(request, response, error)
  }
}

/** POST /uploads/:upload/finish */
export async function finishUploadInPieces(request: Request, response: Response) {
  const id = uploadIn(request)
  try {
    await finishPieces(readerOf(request), id)
    await keepSession(request)
    response.json({ id, done: true, left: timeLeft(request) })
  } catch (error) {
    if (error instanceof BeingFinished) return void response.status(409).json({ wait: true })
    if (error instanceof OutOfPlace) return tellWhere(request, response, error)
    tellProblem(response, error)
  }
}

/** DELETE /uploads/:upload, under way or whole, as long as no message has it. */
export async function takeBackUpload(request: Request, response: Response) {
  const reader = readerOf(request)
  const id = uploadIn(request)
  await findOwnUpload(reader, id)
  await dropPieces(reader.account.id, id)
  await dropUpload(reader.account.id, id)
  response.status(204).end()
}

function uploadIn(request: Request): string {
  const id = request.params['upload']
  if (!isId(id)) throw new NotFound('not an id')
  return id
}

function number(request: Request, name: string): number {
  const text = request.get(name) ?? ''
  if (!/^\d{1,15}$/.test(text)) throw new BadInput('a piece without its place or length')
  return Number(text)
}

/** What is wrong with the file is told in words; everything else is an error page as any. */
function tellProblem(response: Response, error: unknown) {
  const problem = error instanceof FileRefused ? error.problem : error instanceof TooLarge ? 'too-big' : undefined
  if (!problem) throw error
  response.status(422).json({ problem: t(`messages:files.notSent.${problem}`, { kinds: fileKinds() }) })
}

async function tellWhere(request: Request, response: Response, error: unknown) {
  if (!(error instanceof OutOfPlace)) throw error
  response.status(409)
  await showUpload(request, response)
}
