/**
 * Passkeys (WebAuthn level 3): what a browser is asked, and whether its answer is right. The device has to have checked its holder (finger, face,
 * PIN), and the answer has to come from our own page and from no frame in another's. @simplewebauthn/server is imported only here.
 */
import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server'
import type { Account } from '../accounts/account.store.ts'
import type { Reason } from '../audit/reasons.ts'
import { organisation } from '../settings/settings.ts'
import { lookupDigest, passkeySalt } from '../vault/vault.ts'
import type { Site } from '../web/host.ts'
import type { NewPasskey, Passkey } from './passkey.store.ts'

/** ES256, EdDSA, RS256. */
const ALGORITHMS = [-7, -8, -257]
const TIMEOUT = 5 * 60 * 1000

/** Three hundred files, read when somebody first uses a passkey and not at every start. */
const library = () => import('@simplewebauthn/server')

/** Why an answer was refused, in a word for the log. Whoever sent it is told only that it did not work. */
export class PasskeyRefused extends Error {
  readonly reason: Reason
  constructor(reason: Reason) {
    super(`a passkey was refused: ${reason}`)
    this.name = 'PasskeyRefused'
    this.reason = reason
  }
}

/** What a browser needs to make a passkey. `onThisDevice`: with the lock of the device that asks. */
export async function optionsForNew(
  site: Site,
  challenge: Buffer,
  account: Account,
  known: readonly Passkey[],
  onThisDevice: boolean,
) {
  const { generateRegistrationOptions } = await library()
  return generateRegistrationOptions({
    rpID: site.id,
    rpName: organisation().name,
    challenge: Uint8Array.from(challenge),
    userID: Uint8Array.from(holderOf(account.id)),
    userName: account.email,
    userDisplayName: account.name || account.email,
    attestationType: 'none',
    supportedAlgorithmIDs: ALGORITHMS,
    timeout: TIMEOUT,
    excludeCredentials: known.map(toDescriptor),
    authenticatorSelection: {
      residentKey: 'required',
      userVerification: 'required',
      ...(onThisDevice ? { authenticatorAttachment: 'platform' as const } : {}),
    },
    extensions: withSalt(),
  })
}

/** What a browser needs to use a passkey. `allowed` only when whose they are is proved already: a list would tell who has a sign-in here. */
export async function optionsForUse(site: Site, challenge: Buffer, allowed?: readonly Passkey[]) {
  const { generateAuthenticationOptions } = await library()
  return generateAuthenticationOptions({
    rpID: site.id,
    challenge: Uint8Array.from(challenge),
    userVerification: 'required',
    timeout: TIMEOUT,
    ...(allowed ? { allowCredentials: allowed.map(toDescriptor) } : {}),
    extensions: withSalt(),
  })
}

/** The id under which a device keeps a passkey for its holder; tells nothing about the account. */
function holderOf(accountId: string) {
  return lookupDigest('passkey-holder', accountId)
}

function toDescriptor({ credentialId, transports }: Passkey) {
  return { id: credentialId, transports: transports as never }
}

/** The page's script turns the salt into bytes: the library knows nothing of this extension. */
function withSalt() {
  return { prf: { eval: { first: passkeySalt().toString('base64url') } } } as object
}

/** What a browser sent, as far as it can be read without believing it. */
export interface Answered<Kind> {
  json: Kind
  challenge: string
}

/** @throws PasskeyRefused when it has not the shape of an answer, or comes from a frame in somebody else's page */
export function readNew(text: string): Answered<RegistrationResponseJSON> {
  return read<RegistrationResponseJSON>(text, ['attestationObject'])
}

/** @throws PasskeyRefused likewise */
export function readUse(text: string): Answered<AuthenticationResponseJSON> {
  return read<AuthenticationResponseJSON>(text, ['authenticatorData', 'signature'])
}

function read<Kind extends RegistrationResponseJSON | AuthenticationResponseJSON>(text: string, needed: string[]) {
  const json = parse(text) as Partial<Kind> | undefined
  const inner = json?.response as Record<string, unknown> | undefined
  const texts = [json?.id, json?.rawId, ...['clientDataJSON', ...needed].map((name) => inner?.[name])]
  if (!texts.every((each) => typeof each === 'string' && each.length <= 20_000)) throw new PasskeyRefused('garbled')
  const client = parse(Buffer.from(inner!['clientDataJSON'] as string, 'base64url').toString()) as
    { challenge?: unknown; crossOrigin?: unknown; topOrigin?: unknown } | undefined
  if (typeof client?.challenge !== 'string') throw new PasskeyRefused('garbled')
  // The library lets the flag pass when a browser does not say whose page the frame stands in.
  if ((client.crossOrigin ?? false) !== false || client.topOrigin !== undefined) throw new PasskeyRefused('in-a-frame')
  return { json: json as Kind, challenge: client.challenge }
}

function parse(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

/** Checks a new passkey, whose challenge was found good. @throws PasskeyRefused */
export async function checkNew(
  site: Site,
  { json, challenge }: Answered<RegistrationResponseJSON>,
): Promise<Omit<NewPasskey, 'name'>> {
  const { verifyRegistrationResponse } = await library()
  const { verified, registrationInfo } = await told(() =>
    verifyRegistrationResponse({
      response: json,
      expectedChallenge: challenge,
      expectedOrigin: site.origin,
      expectedRPID: site.id,
      requireUserVerification: true,
      supportedAlgorithmIDs: ALGORITHMS,
    }),
  )
  if (!verified) throw new PasskeyRefused('wrong-signature')
  const { credential, credentialBackedUp } = registrationInfo
  return {
    credentialId: credential.id,
    publicKey: Buffer.from(credential.publicKey),
    counter: credential.counter,
    transports: knownTransports(json.response.transports),
    backedUp: credentialBackedUp,
  }
}

function knownTransports(transports: unknown): string[] {
  const known = ['ble', 'cable', 'hybrid', 'internal', 'nfc', 'smart-card', 'usb']
  return Array.isArray(transports) ? known.filter((each) => transports.includes(each)) : []
}

/** Checks a use of `passkey`, whose challenge was found good. @returns the device's counter @throws PasskeyRefused */
export async function checkUse(
  site: Site,
  { json, challenge }: Answered<AuthenticationResponseJSON>,
  passkey: Passkey,
): Promise<number> {
  const { userHandle } = json.response
  if (userHandle && userHandle !== holderOf(passkey.accountId).toString('base64url'))
    throw new PasskeyRefused('another-holder')
  const { verifyAuthenticationResponse } = await library()
  const { verified, authenticationInfo } = await told(() =>
    verifyAuthenticationResponse({
      response: json,
      expectedChallenge: challenge,
      expectedOrigin: site.origin,
      expectedRPID: site.id,
      requireUserVerification: true,
      credential: {
        id: passkey.credentialId,
        publicKey: Uint8Array.from(passkey.publicKey),
        counter: passkey.counter,
      },
    }),
  )
  if (!verified) throw new PasskeyRefused('wrong-signature')
  return authenticationInfo.newCounter
}

const REASONS: [RegExp, Reason][] = [
  [/counter/i, 'counter-back'],
  [/verification.*required|could not be verified/i, 'device-did-not-verify'],
  [/not present/i, 'nobody-present'],
  [/RP ID/i, 'wrong-site'],
  [/origin/i, 'wrong-origin'],
  [/\balg\b/i, 'wrong-algorithm'],
]

/** The library says by an error what is wrong, also for what it cannot read. */
async function told<Result>(check: () => Promise<Result>): Promise<Result> {
  try {
    return await check()
  } catch (error) {
    const { message } = error as Error
    throw new PasskeyRefused(REASONS.find(([pattern]) => pattern.test(message))?.[1] ?? 'garbled')
  }
}
