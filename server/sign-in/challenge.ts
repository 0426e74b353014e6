/**
 * What a device signs to show that it is there now. Asking for one stores nothing: the challenge carries its own end and a MAC over what it is
 * for, whose it is and the browser's form secret. It is used up when it was answered (passkey.store.ts).
 */
import { randomBytes, timingSafeEqual } from 'node:crypto'
import { lookupDigest } from '../vault/vault.ts'

/** For which act, which account (none before it is known) and which browser. */
export interface ChallengeFor {
  purpose: 'sign-in' | 'second-factor' | 'prove' | 'enrol' | 'add'
  accountId?: string
  formSecret: string
}

const LIVES = 10 * 60 * 1000
const NONCE = 16
const END = 6

/** 54 bytes: random ones, the end of its life, and the MAC. */
export function makeChallenge(use: ChallengeFor, now: Date): Buffer {
  const head = Buffer.alloc(NONCE + END)
  randomBytes(NONCE).copy(head)
  head.writeUIntBE(now.getTime() + LIVES, NONCE, END)
  return Buffer.concat([head, macOf(head, use)])
}

/** @returns until when it is good, or undefined when it was not made for this or is too old */
export function endOfChallenge(text: string, use: ChallengeFor, now: Date): Date | undefined {
  const bytes = Buffer.from(text, 'base64url')
  if (bytes.length !== NONCE + END + 32 || bytes.toString('base64url') !== text) return undefined
  const head = bytes.subarray(0, NONCE + END)
  if (!timingSafeEqual(bytes.subarray(NONCE + END), macOf(head, use))) return undefined
  const end = head.readUIntBE(NONCE, END)
  return end > now.getTime() ? new Date(end) : undefined
}

function macOf(head: Buffer, { purpose, accountId = '', formSecret }: ChallengeFor) {
  return lookupDigest('challenge', [purpose, accountId, formSecret, head.toString('base64url')].join('\0'))
}
