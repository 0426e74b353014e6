/**
 * Forms with files: multer reads them, and each file goes on as a stream to whoever keeps it, sealed while it arrives.
 * A file that we do not take costs the person that file only: the rest of the form is still read, so that the page can
 * be shown again with the text kept.
 */
import type { Request, RequestHandler } from 'express'
import multer from 'multer'
import { Transform, finished, type Readable } from 'node:stream'
import { BadInput, NoRoom, TellableError, TooLarge, Unavailable } from '../errors.ts'
import { safeFileName, type FileProblem } from './file-type.ts'

/** Thrown by `keep` when it does not take a file. Whatever it had stored of it must be gone by then. */
export class FileRefused extends Error {
  override name = 'FileRefused'
  readonly problem: FileProblem
  constructor(problem: FileProblem) {
    super(problem)
    this.problem = problem
  }
}

export interface RefusedFile {
  name: string
  /** `no-place`, `not-now`: the file is well, and the place where it would rest is not. */
  problem: FileProblem | 'too-big' | 'too-many' | 'no-place' | 'not-now'
}

export interface FilePart {
  /** As it may be shown. */
  name: string
  /** What the browser says it is, which decides nothing. */
  claimedType: string
}

export interface FilesWanted<T> {
  /** The name of the form's file field. */
  field: string
  maxFiles: number
  /** Bytes of one file. */
  maxFileSize: number
  maxFields?: number
  /** Bytes of the whole request. Above the files' own sizes there has to be room, so that a file that is too big can be told kindly. */
  maxRequestSize?: number
  /** Stores one file and says what it became. It reads `source` to the end or fails; `source` fails when the file is too big or cut. */
  keep: (request: Request, part: FilePart, source: Readable) => Promise<T>
  /** Takes back what `keep` stored, because the form as a whole was not received. */
  drop: (request: Request, kept: T) => Promise<void>
}

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace
  namespace Express {
    interface Request {
      /** What `keep` made of the files of a form, in their order. Set by `receiveFiles`. */
      keptFiles?: unknown[]
      /** The files of a form that were not taken. Set by `receiveFiles`. */
      fileProblems?: RefusedFile[]
    }
  }
}

/** Reads a multipart form into `request.body`, `request.keptFiles` and `request.fileProblems`. Other requests pass untouched. */
export function receiveFiles<T>(wanted: FilesWanted<T>): RequestHandler {
  const maxRequestSize = wanted.maxRequestSize ?? roomFor(wanted)
  return (request, response, next) => {
    // Node reads the rest of the request away, so that a browser lives to see the answer.
    if (Number(request.headers['content-length'] ?? 0) > maxRequestSize) return next(new TooLarge())
    const reading: Reading = { problems: [], failure: undefined }
    const read = multer({
      storage: sealingStorage(wanted, reading),
      fileFilter: takeFileOrNot(wanted, reading),
      preservePath: true,
      defParamCharset: 'utf8',
      limits: limitsFor(wanted),
      streamHandler: (source: Request, form: NodeJS.WritableStream) => pipeUpTo(maxRequestSize, source, form, reading),
    } as multer.Options).any()
    read(request, response, (error: unknown) => {
      if (error) return next(reading.failure ?? asTellable(error))
      const files = (request.files ?? []) as unknown as Stored<T>[]
      request.keptFiles = files.flatMap((file) => (file.stored ? [file.stored.kept] : []))
      request.fileProblems = reading.problems
      next()
    })
  }
}

/** Bytes of a form whose files may be too many or too big, so that it can be told kindly. */
export function roomFor({ maxFiles, maxFileSize }: { maxFiles: number; maxFileSize: number }): number {
  return 2 * maxFiles * maxFileSize + ROOM_FOR_TEXT
}

/** Reads only what was typed into a form with files, a few fields; the files themselves are let go. Other requests pass untouched. */
export function receiveTexts(maxRequestSize: number): RequestHandler {
  return (request, response, next) => {
    if (Number(request.headers['content-length'] ?? 0) > maxRequestSize) return next(new TooLarge())
    const reading: Reading = { problems: [], failure: undefined }
    const read = multer({
      fileFilter: (_request, _file, done) => done(null, false),
      limits: limitsFor({ field: '', maxFiles: 0, maxFields: 12 }),
      streamHandler: (source: Request, form: NodeJS.WritableStream) => pipeUpTo(maxRequestSize, source, form, reading),
    } as multer.Options).any()
    read(request, response, (error: unknown) => next(error ? (reading.failure ?? asTellable(error)) : undefined))
  }
}

/** What is found out while one form is read. `failure` tells better what happened than the error that multer makes of it. */
interface Reading {
  problems: RefusedFile[]
  failure: Error | undefined
}

const ROOM_FOR_TEXT = 16 * 1024 * 1024
const MOST_FIELDS = 50
/** Four times the longest text, in letters of four bytes: what is longer was not typed. All fields of a form stand in memory until it is read. */
const MOST_FIELD_BYTES = 320 * 1024
const MOST_FILE_PARTS = 100

type Limits = Pick<FilesWanted<unknown>, 'field' | 'maxFiles' | 'maxFields'>

interface Stored<T> {
  stored?: { kept: T }
}

/** What no page of ours sends. Files above `maxFiles` are let through up to here, to be told of by name. */
function limitsFor({ maxFiles, maxFields = MOST_FIELDS }: Limits): multer.Options['limits'] {
  const files = Math.max(maxFiles, MOST_FILE_PARTS)
  return {
    fieldNameSize: 100,
    fieldSize: MOST_FIELD_BYTES,
    fields: maxFields,
    files,
    parts: maxFields + files,
    headerPairs: 20,
    fieldNestingDepth: 0,
  } as multer.Options['limits']
}

function takeFileOrNot(wanted: Limits, { problems }: Reading): multer.Options['fileFilter'] {
  let taken = 0
  return (_request, file, done) => {
    if (file.fieldname !== wanted.field) return done(new BadInput('a file in another field'))
    taken++
    if (taken <= wanted.maxFiles) return done(null, true)
    problems.push({ name: safeFileName(file.originalname), problem: 'too-many' })
    done(null, false)
  }
}

/** Multer's storage engine, for one request. A file that is not taken is no error to multer, which would give up the form. */
function sealingStorage<T>(wanted: FilesWanted<T>, reading: Reading): multer.StorageEngine {
  async function store(request: Request, file: Express.Multer.File): Promise<Stored<T>> {
    const name = safeFileName(file.originalname)
    const source = copyUpTo(file.stream, wanted.maxFileSize)
    try {
      return { stored: { kept: await wanted.keep(request, { name, claimedType: file.mimetype }, source) } }
    } catch (error) {
      const problem = problemIn(error)
      if (problem) {
        reading.problems.push({ name, problem })
        return {}
      }
      // When the form itself broke off, that is the reason, and not what `keep` made of it.
      if (!isCut(file.stream)) reading.failure ??= error as Error
      throw error
    } finally {
      source.destroy()
    }
  }

  return {
    _handleFile(request, file, done) {
      store(request, file).then((stored) => done(null, stored as object), done)
    },
    _removeFile(request, file, done) {
      const { stored } = file as Stored<T>
      if (!stored) return done(null)
      wanted.drop(request, stored.kept).then(() => done(null), done)
    },
  }
}

/**
 * A stream of the file that may be left early. It is not `stream.pipeline`, because that would destroy the part of the
 * form that the file comes from, and the parser then waits for ever to hand it on: the part must be read to its end.
 */
function copyUpTo(part: Readable, limit: number): Readable {
  let size = 0
  const copy = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length
      if (size > limit) done(new TooLarge())
      else done(null, chunk)
    },
  })
  finished(part, (error) => error && copy.destroy(error))
  copy.on('error', () => {})
  copy.on('close', () => {
    part.unpipe(copy)
    part.resume()
  })
  return part.pipe(copy)
}

function isCut(part: Readable): boolean {
  return part.errored !== null || (part.destroyed && !part.readableEnded)
}

function problemIn(error: unknown): RefusedFile['problem'] | undefined {
  if (error instanceof FileRefused) return error.problem
  if (error instanceof TooLarge) return 'too-big'
  if (error instanceof NoRoom) return 'no-place'
  if (error instanceof Unavailable) return 'not-now'
  return undefined
}

/** A body that does not say its length beforehand is cut off where it becomes too long. No browser sends a form so. */
function pipeUpTo(limit: number, request: Request, form: NodeJS.WritableStream, reading: Reading): void {
  let size = 0
  request.pipe(form)
  request.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size <= limit) return
    reading.failure ??= new TooLarge()
    request.destroy()
  })
}

function asTellable(error: unknown): TellableError {
  if (error instanceof TellableError) return error
  if (error instanceof multer.MulterError && error.code === 'LIMIT_FIELD_VALUE') return new TooLarge()
  return new BadInput('the form could not be read')
}
