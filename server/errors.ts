/**
 * The few errors that a person may be told about. Everything else is answered with "something went wrong" and the request id.
 * `web/error-pages.ts` is the one place that turns them into a page or JSON.
 */
export type ErrorKind =
  | 'bad-request'
  | 'not-allowed'
  | 'not-found'
  | 'gone'
  | 'too-large'
  | 'form-expired'
  | 'slow-down'
  | 'unavailable'
  | 'no-room'
  | 'file-away'
  | 'file-lost'
  | 'broken'

export class TellableError extends Error {
  readonly kind: ErrorKind
  readonly status: number
  constructor(kind: ErrorKind, status: number, message: string = kind) {
    super(message)
    this.name = this.constructor.name
    this.kind = kind
    this.status = status
  }
}

/** The request has a shape that no page of ours produces: 400. */
export class BadInput extends TellableError {
  constructor(message?: string) {
    super('bad-request', 400, message)
  }
}

/** It does not exist, or is not yours; the two are never told apart: 404. */
export class NotFound extends TellableError {
  constructor(message?: string) {
    super('not-found', 404, message)
  }
}

/** A file of a message that is theirs and cannot be opened now. The message's page says what opens it; as a picture it is not there. */
export class Closed extends NotFound {
  readonly messageId: string
  constructor(messageId: string) {
    super('nothing at hand opens it')
    this.messageId = messageId
  }
}

/** Known person, wrong door: 403. Only for whole areas of the site, never for single messages. */
export class NotAllowed extends TellableError {
  constructor(message?: string) {
    super('not-allowed', 403, message)
  }
}

/** The form's token is missing, foreign or old: 403. */
export class FormExpired extends TellableError {
  constructor(message?: string) {
    super('form-expired', 403, message)
  }
}

/** It was here and was taken back or erased: 410, with the moment. */
export class Gone extends TellableError {
  readonly at: Date
  readonly why: 'recalled' | 'erased' | 'expired'
  constructor(at: Date, why?: Gone['why'] | null) {
    super('gone', 410)
    this.at = at
    this.why = why ?? 'recalled'
  }
}

/** More bytes than are accepted: 413. */
export class TooLarge extends TellableError {
  constructor(message?: string) {
    super('too-large', 413, message)
  }
}

/** Too many tries: 429, with the moment from which on it works again. */
export class SlowDown extends TellableError {
  readonly until: Date
  constructor(until: Date) {
    super('slow-down', 429)
    this.until = until
  }
}

/** We cannot keep our promises at the moment (the log cannot be written, the database is away): 503. */
export class Unavailable extends TellableError {
  constructor(message?: string) {
    super('unavailable', 503, message)
  }
}

/** A file that is theirs and cannot be opened now. Its message can: 503 while its store is away, 500 when the file is not as it was sealed. */
export class FileUnopened extends TellableError {
  readonly fileName: string
  readonly messageId: string
  constructor(kind: 'file-away' | 'file-lost', fileName: string, messageId: string) {
    super(kind, kind === 'file-away' ? 503 : 500)
    this.fileName = fileName
    this.messageId = messageId
  }
}

/** There is no room left for what was sent, on our side: 507. Nothing of it was kept. */
export class NoRoom extends TellableError {
  constructor(message?: string) {
    super('no-room', 507, message)
  }
}

/** Something went wrong on our side, and there is nothing to tell but the request's id: 500. */
export class Broken extends TellableError {
  constructor() {
    super('broken', 500)
  }
}
