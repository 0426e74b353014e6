/**
 * Passwords: argon2id (RFC 9106), 64 MiB, three passes, parameters kept with each row. One run gives 64 bytes, from which a verifier and an
 * opener are derived, both with the account's id and the pepper: what is stored neither opens a mailbox nor can be guessed against alone.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { deriveKey } from '../vault/derive.ts'
import { pepper } from '../vault/vault.ts'
import { stretchPassword, type Queue } from './stretch-password.ts'

export interface StoredPassword {
  passwordSalt: Buffer
  /** `m=65536,t=3,p=1` */
  passwordParameters: string
  passwordVerifier: Buffer
}

const PARAMETERS = 'm=65536,t=3,p=1'

/** Whether it was made with other parameters than today's. */
export function isOutdated(stored: StoredPassword): boolean {
  return stored.passwordParameters !== PARAMETERS
}

/** What the row keeps, and the 32-byte key of the mailbox's `password` opener. */
export interface HashedPassword {
  stored: StoredPassword
  opener: Buffer
}

export async function hashPassword(password: string, accountId: string): Promise<HashedPassword> {
  const salt = randomBytes(16)
  const { verifier, opener } = await stretch('new-password', password, accountId, salt, PARAMETERS)
  return { stored: { passwordSalt: salt, passwordParameters: PARAMETERS, passwordVerifier: verifier }, opener }
}

/**
 * @param queue 'known-device' also for whoever is signed in
 * @returns the opener's key when the password is right; takes as long when there is no account @throws SlowDown when too many wait
 */
export async function checkPassword(
  password: string,
  accountId: string,
  stored: StoredPassword | undefined,
  queue: 'known-device' | 'unknown-device' = 'unknown-device',
): Promise<Buffer | undefined> {
  const { verifier, opener } = await stretch(
    queue,
    password,
    accountId,
    stored?.passwordSalt ?? Buffer.alloc(16),
    stored?.passwordParameters ?? PARAMETERS,
  )
  return stored && timingSafeEqual(verifier, stored.passwordVerifier) ? opener : undefined
}

async function stretch(queue: Queue, password: string, accountId: string, salt: Buffer, parameters: string) {
  const { m, t, p } = Object.fromEntries(parameters.split(',').map((part) => part.split('='))) as Record<string, string>
  const stretched = await stretchPassword(queue, {
    password: Buffer.from(password.normalize('NFC')),
    salt,
    memory: Number(m),
    passes: Number(t),
    lanes: Number(p),
  })
  return {
    verifier: deriveKey(stretched.subarray(0, 32), `password-verifier/${accountId}`, 32, pepper()),
    opener: deriveKey(stretched.subarray(32), `password-opener/${accountId}`, 32, pepper()),
  }
}
