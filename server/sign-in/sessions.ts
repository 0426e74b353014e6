/**
 * Sessions. The cookie holds one random token; the table holds its digest, so that a dump of it neither resumes a session nor opens the
 * mailbox key in it: that rests as a FLOE envelope under a key derived from the token. express-session and connect-pg-simple are imported
 * only here.
 */
import { createHash, randomBytes } from 'node:crypto'
import connectPgSimple from 'connect-pg-simple'
import type { NextFunction, Request, RequestHandler, Response } from 'express'
import session, { type SessionData } from 'express-session'
import { noteSessionEnding, type Account, type Role } from '../accounts/account.store.ts'
import type { SignInStrength } from '../audit/actor.ts'
import { recordChangedRow } from '../audit/record-changed-row.ts'
import { settings } from '../settings/settings.ts'
import { connectionPool, ask, type Transaction } from '../database/connection.ts'
import { BadInput } from '../errors.ts'
import { logWarning } from '../lib/logger.ts'
import { newToken } from '../lib/token.ts'
import { deriveKey } from '../vault/derive.ts'
import { FIELD_SEGMENT, sealEnvelope, unsealEnvelope } from '../vault/floe.ts'
import { cookieSecret, lookupDigest, sealField, unsealField } from '../vault/vault.ts'
import { isMacOf, SEALED, withMac } from './session-mac.ts'
import { whereFrom, widerNetworkOf, type WhereFrom } from './where-from.ts'

declare module 'express-session' {
  interface SessionData {
    csrfSecret: string
    accountId: string
    /** What the person has proved so far. Only `signed-in` opens anything. */
    stage: 'enrolling' | 'enrolling-by-passkey' | 'code' | 'helped' | 'password' | 'recovered' | 'signed-in'
    enrolmentId: string
    /** What a code that staff told began; see helped-sign-in.ts. */
    attemptId: string
    strength: SignInStrength
    /** What the account was when the session began; with another role it dies. */
    role: Role
    /** By which it is listed and ended: random, and nothing that the cookie could be told from. */
    ref: string
    /** Network address, browser and system, sealed; shown to the owner. */
    from: string
    /** Digests of the network and of the browser's family, by which a cookie that was carried elsewhere is known. */
    network: string
    browser: string
    /** Somebody came with this cookie from another network and another browser at once; milliseconds. */
    movedAt: number
    /** Milliseconds; of the step to this stage, and of the last click (kept to half a minute). */
    startedAt: number
    seenAt: number
    /** The sign-in before this one, in milliseconds; and whether it is still to be told. */
    lastSignedInAt: number
    tellsLastSignIn: boolean
    /** When the person last gave what they sign in with, in milliseconds. */
    provedAt: number
    /** When that was by the password, in this session and not at its sign-in; milliseconds. */
    passwordGivenAt: number
    /** Sealed under the cookie: the mailbox's private half, and codes that are still to be shown. */
    mailboxKey: string
    recoveryCodes: string
    /** Sealed likewise: the secret of a code app that is being set up, and until when. */
    codeSecret: string
    codeSecretUntil: number
    accessCode: string
    halfMade: string
    /** Sealed likewise: of the passkey that was right, while its password is asked for. */
    deviceSecret: string
    codeTries: number
    /** An administrator in real use who has none: nothing else is open to them until it is made. */
    mustAddPasskey: boolean
    /** The passkey that was right, while its password is asked for. */
    passkeyId: string
    /** The link by which somebody signed on, until they are signed in; and until when a second factor of the provider stands for ours, in milliseconds. */
    signOnId: string
    provesUntil: number
    /** Sealed under the cookie: whom the provider means, until its owner links it. */
    signOnFound: string
    /** Own path to go to after sign-in, which may hold a link's token: sealed under the cookie, also when the session has ended (`afterOf`). */
    after: string
    /** Staff were asked for a new sign-in in this person's name, and they have not been told of it in this session. */
    helpAsked: boolean
    /** A form came after the session had ended, and what was written is kept. */
    keptText: boolean
  }
}

const COOKIE = '__Host-session'
const MINUTE = 60 * 1000
const A_DAY = 24 * 60 * MINUTE

/** The session of this request was ended while the request was under way. Its person is led to the sign-in, and nothing begins out of it. */
export class SessionEnded extends Error {
  override name = 'SessionEnded'
}

export function sessions(): RequestHandler {
  const PgStore = connectPgSimple(session)
  const store = new PgStore({
    pool: connectionPool(),
    tableName: 'sessions',
    ttl: secondsKept(),
    disableTouch: true,
    pruneSessionInterval: 15 * 60,
    errorLog: () => logWarning('A session could not be read or pruned'),
  })
  const readSession = session({
    name: COOKIE,
    secret: cookieSecret(),
    genid: newToken,
    store: withDigests(onlyOurs(neverBroughtBack(store))),
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

/** How long a row is kept after it was written. */
function secondsKept() {
  return settings().idleMinutes * 60 + A_DAY / 1000
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

/** Sessions that have a row already, and are kept only as long as it is there. */
const withRow = new WeakSet<object>()

/**
 * Writes a session that was read only over its own row: a request that was under way while its session was signed out must not bring it back.
 * Only a session that was begun in this request makes a row.
 */
function neverBroughtBack(store: session.Store): session.Store {
  const begun = store.set.bind(store)
  const asRead = store.createSession.bind(store)
  store.createSession = (request, content) => {
    const made = asRead(request, content)
    withRow.add(made)
    return made
  }
  store.set = (digest, content, done) => {
    if (!withRow.has(content)) return begun(digest, withMac(digest, content) as never, done)
    const written = ask(
      'UPDATE sessions SET sess = $2, expire = now() + make_interval(secs => $3) WHERE sid = $1 RETURNING sid',
      [digest, JSON.stringify(withMac(digest, content)), secondsKept()],
    )
    written.then(
      () => done?.(),
      (error: unknown) => done?.(error),
    )
  }
  return store
}

/** A row that was not written here, or was changed since, is no session; and neither is one that is too old to say more than that it has ended. */
function onlyOurs(store: session.Store): session.Store {
  const stored = store.get.bind(store)
  store.get = (digest, done) => {
    stored(digest, (error: unknown, content) => {
      if (error || !content) return done(error)
      trueSession(digest, content).then((found) => done(null, found), done)
    })
  }
  return store
}

async function trueSession(digest: string, content: SessionData): Promise<SessionData | undefined> {
  const { mac: _, ...plain } = content as SessionData & { mac?: string }
  if (isMacOf(digest, { ...content }))
    return endsOf(plain).last + A_DAY < Date.now() ? undefined : (plain as SessionData)
  logWarning('A session in the database was not written here')
  await recordChangedRow(`sessions/${digest}`, 'a session was changed')
  return undefined
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

/**
 * Idle for too long, too old, or carried elsewhere: ended. The row keeps the account and the form's secret for a day, so that a late form can be
 * kept.
 */
export function stateOf(data: Partial<SessionData>, now = Date.now()): SessionState {
  if (!data.accountId || !data.stage) return 'none'
  const { idle, last } = endsOf(data)
  if (data.movedAt || now > idle || now > last) return 'ended'
  return data.stage === 'signed-in' ? 'signed-in' : 'in-progress'
}

/** When a session ends, in milliseconds: without another click, and whatever happens. */
export function endsOf(data: Pick<Partial<SessionData>, 'seenAt' | 'startedAt'>): { idle: number; last: number } {
  const { idleMinutes, sessionHours } = settings()
  return {
    idle: (data.seenAt ?? 0) + idleMinutes * MINUTE,
    last: (data.startedAt ?? 0) + sessionHours * 60 * MINUTE,
  }
}

/**
 * Whether a cookie comes from another network and from another browser than its session began with. One of the two alone is fine: phones change
 * their network all day, and a browser may say that it is a desktop's.
 */
export function hasMoved(request: Request): boolean {
  const { accountId, network, browser } = request.session
  if (!accountId || !network || !browser) return false
  const now = digestsOfPlace(request, accountId)
  return now.network !== network && now.browser !== browser
}

function digestsOfPlace(request: Request, accountId: string) {
  const { browser, system } = whereFrom(request.actor)
  const digest = (text: string) => lookupDigest('session', `${accountId}/${text}`).subarray(0, 16).toString('base64url')
  return {
    network: digest(`network/${widerNetworkOf(request.actor)}`),
    browser: digest(`browser/${browser}/${system}`),
  }
}

/**
 * Begins a session of a new id with this content, as a row, at once; whatever was in the old one is gone. @param account as it was when the
 * request began to look at what its person signs in with: when all its sessions were ended since, there is none. @throws SessionEnded then
 */
export async function beginSession(
  request: Request,
  account: Pick<Account, 'id' | 'sessionEndings'>,
  content: Partial<SessionData>,
  now = Date.now(),
  transaction?: Transaction,
): Promise<void> {
  await endSession(request)
  fill(request, { accountId: account.id, ...content }, now)
  withRow.add(request.session)
  const digest = digestOf(request.sessionID)
  // Whoever ends all sessions has the account's row first, or finds this one.
  const begun = await ask(
    `WITH still AS (SELECT id FROM accounts WHERE id = $4 AND session_endings = $5 FOR SHARE)
     INSERT INTO sessions (sid, sess, expire) SELECT $1, $2, now() + make_interval(secs => $3) FROM still RETURNING sid`,
    [digest, JSON.stringify(withMac(digest, request.session)), secondsKept(), account.id, account.sessionEndings],
    transaction,
  )
  if (begun.length === 1) return
  await endSession(request)
  throw new SessionEnded()
}

/**
 * Goes on in a session of a new id with this content, in the row of the one before, in one step: when that row was ended meanwhile there is
 * nothing to go on from, and whoever ends all sessions meets the old row or the new one. @throws SessionEnded
 */
export async function beginNextSession(
  request: Request,
  content: Partial<SessionData>,
  now = Date.now(),
  transaction?: Transaction,
): Promise<void> {
  const before = digestOf(request.sessionID)
  ;(request.sessionStore as session.Store & { generate: (request: Request) => void }).generate(request)
  fill(request, content, now)
  withRow.add(request.session)
  const digest = digestOf(request.sessionID)
  const moved = await ask(
    `UPDATE sessions SET sid = $2, sess = $3 WHERE sid = $1 AND sess->>'movedAt' IS NULL RETURNING sid`,
    [before, digest, JSON.stringify(withMac(digest, request.session))],
    transaction,
  )
  if (moved.length === 1) return
  await endSession(request)
  throw new SessionEnded()
}

function fill(request: Request, content: Partial<SessionData>, now: number) {
  // The form's secret is made here: two pages that open at once would each make one, and the later would undo the earlier's form.
  const csrfSecret = randomBytes(18).toString('base64url')
  const ref = content.ref ?? randomBytes(12).toString('base64url')
  const from = sealField(bindingOfPlace(ref), JSON.stringify(whereFrom(request.actor))).toString('base64')
  const digests = content.accountId ? digestsOfPlace(request, content.accountId) : {}
  Object.assign(request.session, { startedAt: now, seenAt: now, csrfSecret }, content, { ref, from, ...digests })
  if (content.after !== undefined) keepAfter(request, content.after)
  request.formSecrets = request.session
}

/**
 * Notes that the person has just given what they sign in with, in a session of a new id: whoever held the old cookie does not come along. The
 * form's secret stays, so that what is being written in another tab can still be sent. @throws SessionEnded
 */
export async function noteProof(request: Request, now = Date.now(), transaction?: Transaction): Promise<void> {
  // A code app that is being set up begins anew, and an access code that nobody saw can be made anew.
  delete request.session.codeSecret
  delete request.session.accessCode
  delete request.session.passwordGivenAt
  const { cookie: _, mailboxKey, recoveryCodes, signOnFound, ...content } = request.session
  const after = afterOf(request)
  const privateKey = mailboxKey && unsealFromSession(request, 'mailbox-key', mailboxKey)
  const codes = recoveryCodes && unsealFromSession(request, 'recovery-codes', recoveryCodes)
  const found = signOnFound && unsealFromSession(request, 'sign-on-found', signOnFound)
  const proved = { seenAt: now, provedAt: now, ...(after === undefined ? {} : { after }) }
  await beginNextSession(request, { ...content, ...proved }, now, transaction)
  if (privateKey) request.session.mailboxKey = sealForSession(request, 'mailbox-key', privateKey)
  if (codes) request.session.recoveryCodes = sealForSession(request, 'recovery-codes', codes)
  if (found) request.session.signOnFound = sealForSession(request, 'sign-on-found', found)
}

/** Ends the session; the request goes on with an empty one, which is not kept unless something is put into it. */
export async function endSession(request: Request): Promise<void> {
  await new Promise<void>((done, fail) =>
    request.session.regenerate((error) => (error ? fail(error as Error) : done())),
  )
}

/**
 * Whether somebody is there: they went to a page or sent a form. Pictures on a page do not count, nor what a page's script asks by itself; a
 * script says so when keys were pressed.
 */
export function isClick(request: Request): boolean {
  const mode = request.get('sec-fetch-mode')
  if (request.get('x-typed') === 'yes') return true
  return mode ? mode === 'navigate' : request.accepts(['html', 'image/*', 'json']) === 'html'
}

/** Notes the click, at most twice a minute, so that reading a page does not always write. */
export function noteClick(request: Request, now = Date.now()) {
  if (now - (request.session.seenAt ?? 0) > 30_000) request.session.seenAt = now
}

/** Drops what a session that has ended held under its cookie. */
export function emptyEnded(request: Request) {
  for (const name of SEALED) delete request.session[name]
}

/** Keeps the session from ending for idleness; done when it returns, not only when the answer is on its way. */
export async function extend(request: Request, now = Date.now()): Promise<void> {
  request.session.seenAt = now
  await new Promise<void>((done, fail) => request.session.save((error) => (error ? fail(error as Error) : done())))
}

/** A live session as its owner sees it. */
export interface ListedSession {
  ref: string
  startedAt: Date
  seenAt: Date
  strength: SignInStrength
  from: WhereFrom
}

/** The signed-in sessions of an account that have not ended, the one used last first. */
export async function listSessionsOf(accountId: string, now = Date.now()): Promise<ListedSession[]> {
  const rows = await ask<{ sid: string; sess: SessionData }>(
    `SELECT sid, sess FROM sessions WHERE sess->>'accountId' = $1 AND sess->>'stage' = 'signed-in' AND expire > now()`,
    [accountId],
  )
  return rows
    .filter(({ sid, sess }) => isMacOf(sid, { ...sess }))
    .map(({ sess }) => sess)
    .filter((sess) => stateOf(sess, now) === 'signed-in')
    .sort((one, other) => other.seenAt - one.seenAt)
    .map(({ ref, startedAt, seenAt, strength, from }) => ({
      ref,
      startedAt: new Date(startedAt),
      seenAt: new Date(seenAt),
      strength,
      from: JSON.parse(unsealField(bindingOfPlace(ref), Buffer.from(from, 'base64'))) as WhereFrom,
    }))
}

function bindingOfPlace(ref: string) {
  return `session/${ref}/from`
}

/**
 * What the session of a request that has been under way is worth by its row. One whose person proved meanwhile who they are goes on in a row of a
 * new id; one that is not there was ended by somebody.
 */
export async function stateByRow({ session: { accountId, ref } }: Request): Promise<'none' | 'ended' | 'signed-in'> {
  const [row] = await ask<{ sid: string; sess: SessionData }>(
    `SELECT sid, sess FROM sessions WHERE sess->>'accountId' = $1 AND sess->>'ref' = $2 AND sess->>'stage' = 'signed-in'`,
    [accountId ?? null, ref ?? null],
  )
  if (!row || !isMacOf(row.sid, { ...row.sess })) return 'none'
  return row.sess.movedAt ? 'ended' : 'signed-in'
}

/** Ends every session of an account, half-made ones too, on every node. @returns how many they were */
export async function endSessionsOf(accountId: string, transaction: Transaction): Promise<number> {
  await noteSessionEnding(accountId, transaction)
  const ended = await ask(`DELETE FROM sessions WHERE sess->>'accountId' = $1 RETURNING sid`, [accountId], transaction)
  return ended.length
}

/** Ends every session of this request's person but this one. @returns how many they were */
export async function endOtherSessions(request: Request, transaction: Transaction): Promise<number> {
  const accountId = request.session.accountId!
  await noteSessionEnding(accountId, transaction)
  const ended = await ask(
    `DELETE FROM sessions WHERE sess->>'accountId' = $1 AND sid <> $2 RETURNING sid`,
    [accountId, digestOf(request.sessionID)],
    transaction,
  )
  return ended.length
}

/** Ends one session of an account. @returns whether there was one */
export async function endSessionOf(accountId: string, ref: string, transaction?: Transaction): Promise<boolean> {
  const ended = await ask(
    `DELETE FROM sessions WHERE sess->>'accountId' = $1 AND sess->>'ref' = $2 RETURNING sid`,
    [accountId, ref],
    transaction,
  )
  return ended.length > 0
}

/** Takes the sealed keys out of sessions that have ended and were not touched since. */
export async function emptyEndedSessions(now: Date): Promise<void> {
  const { idleMinutes, sessionHours } = settings()
  await ask(
    `UPDATE sessions SET sess = (sess::jsonb - $3::text[])::json
     WHERE coalesce(sess->>'mailboxKey', sess->>'halfMade', sess->>'deviceSecret') IS NOT NULL
     AND ((sess->>'seenAt')::bigint < $1 OR (sess->>'startedAt')::bigint < $2 OR sess->>'movedAt' IS NOT NULL)`,
    [now.getTime() - idleMinutes * MINUTE, now.getTime() - sessionHours * 60 * MINUTE, SEALED],
  )
}

type SealedName =
  | 'mailbox-key'
  | 'recovery-codes'
  | 'code-secret'
  | 'access-code'
  | 'half-made'
  | 'device-secret'
  | 'after'
  | 'sign-on-found'

/** Seals bytes for this session: only the cookie opens them again. */
export function sealForSession(request: Request, name: SealedName, bytes: Buffer): string {
  return sealEnvelope(keyOfCookie(request), `session/${name}`, bytes, FIELD_SEGMENT).toString('base64')
}

/** Where to go on after the next sign-in, or the next step of one. */
export function keepAfter(request: Request, path: string) {
  request.session.after = sealForSession(request, 'after', Buffer.from(path))
}

export function afterOf(request: Request): string | undefined {
  const { after } = request.session
  return after === undefined ? undefined : unsealFromSession(request, 'after', after).toString()
}

/** @throws EnvelopeRefused */
export function unsealFromSession(request: Request, name: SealedName, sealed: string): Buffer {
  return unsealEnvelope(keyOfCookie(request), `session/${name}`, Buffer.from(sealed, 'base64'))
}

function keyOfCookie(request: Request) {
  return deriveKey(Buffer.from(request.sessionID, 'base64url'), 'session')
}
