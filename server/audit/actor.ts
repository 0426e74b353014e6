/** What somebody gave after their password. */
export type SecondFactor = 'code' | 'recovery-code' | 'passkey'

/**
 * What a person gave to be signed in. A passkey with its device's lock is two factors in one. `sign-on`: a provider said who they are; with the
 * password alone, where the provider proved the second factor too.
 */
export type SignInStrength =
  `password+${SecondFactor}` | `sign-on+password+${SecondFactor}` | 'sign-on+password' | 'passkey' | 'enrolment'

/** Whoever acts now: a person, a sending system, this system itself, or somebody unknown; with the request they came by. */
export interface Actor {
  kind: 'account' | 'sender' | 'system' | 'anonymous'
  id?: string
  role?: string
  /** How strongly they signed in. */
  strength: 'none' | 'password' | SignInStrength | 'internal'
  requestId?: string
  /** Network address; sealed with the event's details. */
  address?: string
  userAgent?: string
  /** By which the acts of one session are known to belong together; it says nothing of its cookie. Sealed with the event's details. */
  session?: string
  /** Digest of the cookie by which a browser is known again. It says nothing of who sits at it. */
  device?: Buffer
  /** Digest of what their browser got for an access code. */
  accessProof?: Buffer
}

/** The system itself: jobs, scripts, the start. */
export const system: Actor = { kind: 'system', strength: 'internal' }
