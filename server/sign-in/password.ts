/**
 * Passwords: argon2id (RFC 9106), 64 MiB, three passes, parameters kept with each row. One run gives 64 bytes, from which a verifier and an
 * opener are derived, both with the account's id and the pepper: what is stored neither opens a mailbox nor can be guessed against alone.
 * argon2 is imported only here.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import argon2 from 'argon2'
import { turns } from '../lib/turns.ts'
import { deriveKey } from '../vault/derive.ts'
import { pepper } from '../vault/vault.ts'

export interface StoredPassword {
  passwordSalt: Buffer
  /** `m=65536,t=3,p=1` */
  passwordParameters: string
  passwordVerifier: Buffer
}

const PARAMETERS = 'm=65536,t=3,p=1'

// Each run takes 64 MiB and a core. Whoever holds a link can ask for new passwords, so these never take a place of those who sign in.
const signInTurn = turns(2, 20)
const newPasswordTurn = turns(1, 10)
type Turn = typeof signInTurn

/** What the row keeps, and the 32-byte key of the mailbox's `password` opener. */
export interface HashedPassword {
  stored: StoredPassword
  opener: Buffer
}

export async function hashPassword(password: string, accountId: string): Promise<HashedPassword> {
  const salt = randomBytes(16)
  const { verifier, opener } = await stretch(newPasswordTurn, password, accountId, salt, PARAMETERS)
  return { stored: { passwordSalt: salt, passwordParameters: PARAMETERS, passwordVerifier: verifier }, opener }
}

/** @returns the opener's key when the password is right; takes as long when there is no account */
export async function checkPassword(
  password: string,
  accountId: string,
  stored: StoredPassword | undefined,
): Promise<Buffer | undefined> {
  const { verifier, opener } = await stretch(
    signInTurn,
    password,
    accountId,
    stored?.passwordSalt ?? Buffer.alloc(16),
    stored?.passwordParameters ?? PARAMETERS,
  )
  return stored && timingSafeEqual(verifier, stored.passwordVerifier) ? opener : undefined
}

async function stretch(turn: Turn, password: string, accountId: string, salt: Buffer, parameters: string) {
  const { m, t, p } = Object.fromEntries(parameters.split(',').map((part) => part.split('='))) as Record<string, string>
  const stretched = await turn(() =>
    argon2.hash(password.normalize('NFC'), {
      type: argon2.argon2id,
      raw: true,
      hashLength: 64,
      salt,
      memoryCost: Number(m),
      timeCost: Number(t),
      parallelism: Number(p),
    }),
  )
  return {
    verifier: deriveKey(stretched.subarray(0, 32), `password-verifier/${accountId}`, 32, pepper()),
    opener: deriveKey(stretched.subarray(32), `password-opener/${accountId}`, 32, pepper()),
  }
}
