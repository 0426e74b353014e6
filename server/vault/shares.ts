/**
 * Shamir's secret sharing over GF(256): of so many shares, so many together give the secret, and fewer nothing of it. What comes out of shares that
 * do not belong together is another number, so whoever combines them holds the result against something that is known of the secret.
 */
import { combine, split } from 'shamir-secret-sharing'

/** @param shares how many are made, 2 to 255 @param needed how many give the secret again, 2 to `shares` @returns each one byte longer than the secret */
export async function splitSecret(secret: Buffer, shares: number, needed: number): Promise<Buffer[]> {
  return (await split(Uint8Array.from(secret), shares, needed)).map((share) => Buffer.from(share))
}

/** @param shares different ones of one set, as many as are needed */
export async function combineShares(shares: readonly Buffer[]): Promise<Buffer> {
  return Buffer.from(await combine(shares.map((share) => Uint8Array.from(share))))
}
