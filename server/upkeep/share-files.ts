/** Share files that somebody brings: each whole, all of this recovery key, of one set, and as many as are needed. */
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import type { Reason } from '../audit/reasons.ts'
import { readShare, recoveryFingerprint, type Share } from './recovery-share.ts'

/** Why the recovery key is not used: for whoever asked, and for the log. */
export class RecoveryRefused extends Error {
  readonly reason: Reason
  constructor(reason: Reason, message: string) {
    super(message)
    this.reason = reason
  }
}

/** @returns different shares of one set, as many as are needed or more @throws RecoveryRefused */
export async function readShareFiles(files: readonly string[]): Promise<Share[]> {
  if (files.length === 0)
    throw new RecoveryRefused(
      'no-share',
      'The recovery key is not on this server. Bring the shares: --share FILE, once for each.',
    )
  const shares = files.map(readShareFile)
  const [first] = shares as [Share]
  const other = shares.find(({ set }) => set !== first.set)
  if (other)
    throw new RecoveryRefused(
      'shares-of-several-sets',
      `Share ${first.number} (set ${first.set}) and share ${other.number} (set ${other.set}) were made at different times and do not fit each other.`,
    )
  const different = [...new Map(shares.map((share) => [share.number, share])).values()]
  if (different.length < first.needed)
    throw new RecoveryRefused(
      'too-few-shares',
      `${different.length} of the ${first.needed} shares that are needed. Nothing was opened.`,
    )
  return different
}

function readShareFile(file: string): Share {
  const share = readShare(textOf(file))
  if (!share)
    throw new RecoveryRefused(
      'damaged-share',
      `${basename(file)} is not a whole share: it was damaged or mistyped. Compare it with the original, character by character.`,
    )
  if (share.fingerprint !== recoveryFingerprint())
    throw new RecoveryRefused(
      'share-of-another-key',
      `${basename(file)} belongs to another recovery key (${share.organisation}, made ${share.made}).`,
    )
  return share
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new RecoveryRefused('damaged-share', `${basename(file)} cannot be read (${code}).`)
  }
}
