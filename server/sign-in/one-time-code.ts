/**
 * Codes from an authenticator app: TOTP (RFC 6238), SHA-1, six digits, 30 seconds, as every app reads them. The current step and the one
 * before count. The library would take a code twice; `credential.store.ts` is what makes it once. otplib is imported only here.
 */
import { generateSecret, generateSync, generateURI, verify } from 'otplib'

/** 160 random bits in base32. */
export function makeCodeSecret(): string {
  return generateSecret({ length: 20 })
}

/** The address that adds the secret to an authenticator app. */
export function codeAddress(secret: string, organisation: string, email: string): string {
  return generateURI({ issuer: organisation, label: email, secret })
}

/** Spaces and hyphens (ASCII) are dropped, then it is six ASCII digits. @returns undefined for anything else */
export function readCode(typed: string): string | undefined {
  const digits = typed.replace(/[ -]/g, '')
  return /^[0-9]{6}$/.test(digits) ? digits : undefined
}

/** @returns the 30-second step that the code belongs to, when it is right and later than `lastStep` */
export async function stepOfCode(
  secret: string,
  code: string,
  lastStep: number,
  now: Date,
): Promise<number | undefined> {
  const result = await verify({ secret, token: code, epoch: Math.floor(now.getTime() / 1000), epochTolerance: [30, 0] })
  return result.valid && 'timeStep' in result && result.timeStep > lastStep ? result.timeStep : undefined
}

/** The code of this moment and for how many seconds it is good; for the try-out, where nobody needs a phone. */
export function currentCode(secret: string, now: Date): { code: string; seconds: number } {
  const epoch = Math.floor(now.getTime() / 1000)
  return { code: generateSync({ secret, epoch }), seconds: 30 - (epoch % 30) }
}
