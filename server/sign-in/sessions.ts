/**
 * Sessions. The cookie holds one random token; the table holds its digest, so that a dump of it neither resumes a session nor opens the
 * mailbox key in it: that rests as a FLOE envelope under a key derived from the token. express-session and connect-pg-simple are imported
 * only here.
 */
import { createHash, randomBytes } from 'node:crypto'
import connectPgSimple from 'connect-pg-simple'
import type { NextFunction, Request, RequestHandler, Response } from 'express'
import session, { type SessionData } from 'express-session'
import type { SignInStrength } from '../audit/actor.ts'
import { config } from '../config.ts'
import { connectionPool, ask } from '../database/connection.ts'
import { BadInput } from '../errors.ts'
import { logWarning } from '../lib/logger.ts'
import { deriveKey } from '../vault/derive.ts'
import { FIELD_SEGMENT, sealEnvelope, unsealEnvelope } from '../vault/floe.ts'
import { cookieSecret } from '../vault/vault.ts'

declare module 'express-session' {
  interface SessionData {
    csrfSecret: string
    accountId: string
    /** What the person has proved so far. Only `signed-in` opens anything. */
    stage: 'enrolling' | 'code' | 'signed-in'
    enrolmentId: string
    strength: SignInStrength
    /** Milliseconds; of the step to this stage, and of the last click (kept to half a minute). */
    startedAt: number
    seenAt: number
    /** When the person last gave what they sign in with, in milliseconds. */
    provedAt: number
    /** Sealed under the cookie: the mailbox's private half, and codes that are still to be shown. */
    mailboxKey: string
    recoveryCodes: string
    codeTries: number
    /** Own path to go to after sign-in. */
    after: string
    /** A form came after the session had ended, and what was written is kept. */
    keptText: boolean
  }
}

const COOKIE = '__Host-session'
const HOUR = 60 * 60 * 1000
const LONGEST = 12 * HOUR

export function sessions(): RequestHandler {
  const PgStore = connectPgSimple(session)
  const idleAndADay = config().idleMinutes * 60 + 24 * 60 * 60
  const store = new PgStore({
    pool: connectionPool(),
    tableName: 'sessions',
    ttl: idleAndADay,
    disableTouch: true,
    pruneSessionInterval: 15 * 60,
    errorLog: () => logWarning('A session could not be read or pruned'),
  })
  const readSession = session({
    name: COOKIE,
    secret: cookieSecret(),
    genid: () => randomBytes(32).toString('base64url'),
    store: withDigests(neverBroughtBack(store, idleAndADay)),
    resave: false,
    saveUninitialized: false,
    cookie: { path: '/', httpOnly: true, secure: true, sameSite: 'lax' },
  })
  return (request, response, next) => {
    // Whose the second one is nobody can say, so neither counts.
    const given = (request.headers.cookie ?? '').split(/; */).filter((pair) => pair.startsWith(`${COOKIE}=`))
    if (given.length > 1) throw new BadInput('two session cookies')
    readSession(request, response, next)
  }
}

/**
 * Makes redirects wait until the session is kept. The library sends the headers while it still saves, and a browser that follows them at once
 * would be asked to begin again.
 */
export function saveBeforeRedirect(request: Request, response: Response, next: NextFunction) {
  const redirect = response.redirect.bind(response) as (status: number, path: string) => void
  response.redirect = ((status: number, path: string) => {
    if (!request.session.accountId) return redirect(status, path)
    request.session.save((error) => (error ? next(error) : redirect(status, path)))
  }) as Response['redirect']
  next()
}

/**
 * Writes a session that was read only over its own row: a request that was under way while its session was signed out must not bring it back.
 * Only a session that was begun in this request makes a row.
 */
function neverBroughtBack(store: session.Store, secondsToKeep: number): session.Store {
  const begun = store.set.bind(store)
  const asRead = store.createSession.bind(store)
  const read = new WeakSet<object>()
  store.createSession = (request, content) => {
    const made = asRead(request, content)
    read.add(made)
    return made
  }
  store.set = (digest, content, done) => {
    if (!read.has(content)) return begun(digest, content, done)
    const written = ask(
      'UPDATE sessions SET sess = $2, expire = now() + make_interval(secs => $3) WHERE sid = $1 RETURNING sid',
      [digest, JSON.stringify(content), secondsToKeep],
    )
    written.then(
      () => done?.(),
      (error: unknown) => done?.(error),
    )
  }
  return store
}

/** Puts a digest of the token in place of the token in everything that the store writes and asks. */
function withDigests(store: session.Store): session.Store {
  for (const verb of ['get', 'set', 'destroy'] as const) {
    const plain = (store[verb] as (token: string, ...rest: unknown[]) => void).bind(store)
    store[verb] = (token: string, ...rest: unknown[]) => plain(digestOf(token), ...rest)
  }
  return store
}

function digestOf(token: string) {
  return createHash('sha256').update(`letterlock/session/${token}`).digest('base64url')
}

/** What a session is worth at this moment. */
export type SessionState = 'none' | 'in-progress' | 'signed-in' | 'ended'

/** Idle for too long or twelve hours old: ended. The row keeps the account and the form's secret for a day, so that a late form can be kept. */
export function stateOf(data: Partial<SessionData>, now = Date.now()): SessionState {
  if (!data.accountId || !data.stage) return 'none'
  const idle = now - (data.seenAt ?? 0) > config().idleMinutes * 60 * 1000
  if (idle || now - (data.startedAt ?? 0) > LONGEST) return 'ended'
  return data.stage === 'signed-in' ? 'signed-in' : 'in-progress'
}

/** Begins a session of a new id with this content; whatever was in the old one is gone. */
export async function beginSession(request: Request, content: Partial<SessionData>, now = Date.now()): Promise<void> {
  await new Promise<void>((done, fail) =>
    request.session.regenerate((error) => (error ? fail(error as Error) : done())),
  )
  // The form's secret is made here: two pages that open at once would each make one, and the later would undo the earlier's form.
  const csrfSecret = randomBytes(18).toString('base64url')
  Object.assign(request.session, { startedAt: now, seenAt: now, csrfSecret }, content)
  request.formSecrets = request.session
}

/**
 * Notes that the person has just given what they sign in with, in a session of a new id: whoever held the old cookie does not come along. The
 * form's secret stays, so that what is being written in another tab can still be sent.
 */
export async function noteProof(request: Request, now = Date.now()): Promise<void> {
  const { cookie: _, mailboxKey, recoveryCodes, ...content } = request.session
  const privateKey = mailboxKey && unsealFromSession(request, 'mailbox-key', mailboxKey)
  const codes = recoveryCodes && unsealFromSession(request, 'recovery-codes', recoveryCodes)
  await beginSession(request, { ...content, seenAt: now, provedAt: now }, now)
  if (privateKey) request.session.mailboxKey = sealForSession(request, 'mailbox-key', privateKey)
  if (codes) request.session.recoveryCodes = sealForSession(request, 'recovery-codes', codes)
}

/** Ends the session; the request goes on with an empty one, which is not kept unless something is put into it. */
export async function endSession(request: Request): Promise<void> {
  await new Promise<void>((done, fail) =>
    request.session.regenerate((error) => (error ? fail(error as Error) : done())),
  )
}

/** Notes the click, at most twice a minute, so that reading a page does not always write. */
export function noteClick(request: Request, now = Date.now()) {
  if (now - (request.session.seenAt ?? 0) > 30_000) request.session.seenAt = now
}

/** Drops what a session that has ended held under its cookie. */
export function emptyEnded(request: Request) {
  delete request.session.mailboxKey
  delete request.session.recoveryCodes
}

/** Ends every session of an account, on every node. */
export async function endSessionsOf(accountId: string): Promise<void> {
  await ask(`DELETE FROM sessions WHERE sess->>'accountId' = $1`, [accountId])
}

/** Takes the sealed keys out of sessions that idled out and were not touched since. */
export async function emptyEndedSessions(now: Date): Promise<void> {
  await ask(
    `UPDATE sessions SET sess = (sess::jsonb - 'mailboxKey' - 'recoveryCodes')::json WHERE sess->>'mailboxKey' IS NOT NULL AND (sess->>'seenAt')::bigint < $1`,
    [now.getTime() - config().idleMinutes * 60 * 1000],
  )
}

/** Seals bytes for this session: only the cookie opens them again. */
export function sealForSession(request: Request, name: 'mailbox-key' | 'recovery-codes', bytes: Buffer): string {
  return sealEnvelope(keyOfCookie(request), `session/${name}`, bytes, FIELD_SEGMENT).toString('base64')
}

/** @throws EnvelopeRefused */
export function unsealFromSession(request: Request, name: 'mailbox-key' | 'recovery-codes', sealed: string): Buffer {
  return unsealEnvelope(keyOfCookie(request), `session/${name}`, Buffer.from(sealed, 'base64'))
}

function keyOfCookie(request: Request) {
  return deriveKey(Buffer.from(request.sessionID, 'base64url'), 'session')
}
