/**
 * Turns the one dial from managed to sealed: the private half of the recovery key is split into share files, these are proved by putting it together
 * from them, and only then it is taken off the server. Backups and write-ahead logs from before still hold it, sealed under the master key, and so
 * that version of the master key is destroyed too. It can be killed anywhere and asked again: until the row is emptied the server has the key, and
 * before it is emptied the shares lie whole on the disk.
 */
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { system } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { config } from '../config.ts'
import { organisation } from '../settings/settings.ts'
import { inTransaction } from '../database/connection.ts'
import type { KeyProvider } from '../vault/key-provider.ts'
import { MasterKeyProblem, writtenMasterVersion } from '../vault/master-key.ts'
import { combineShares, splitSecret } from '../vault/shares.ts'
import { recoveryKeyPair, recoveryKeyPairOf, recoveryMode, takeRecoveryKeyOff } from '../vault/vault.ts'
import { readShare, recoveryFingerprint, shareFileName, shareText, type Share } from './recovery-share.ts'
import { askForRotation, goOnWithRotation, RotationUnderWay, RotationWaits } from './rotate-master-key.ts'
import { countBackupsNeeding } from './rotation.store.ts'

export interface Sealing {
  shares: number
  needed: number
  /** Where the share files go: outside of the data folder, whose backups would hold them. */
  folder: string
}

/** More keepers than anybody has, and few enough that every choice of them is tried. */
const MOST_SHARES = 16

/**
 * @param say prints a line for whoever asked @param confirm asks them, after they were told what cannot be undone
 * @returns whether the key was taken off the server now; false when it had been before @throws Error with a sentence that says what was changed
 */
export async function sealRecovery(
  sealing: Sealing,
  provider: KeyProvider,
  say: (line: string) => void,
  confirm: () => Promise<boolean>,
  now = new Date(),
): Promise<boolean> {
  const managed = (await recoveryMode()) === 'managed'
  if (managed) await takeOff(sealing, say, confirm, now)
  await destroyOldVersion(provider, say)
  return managed
}

async function takeOff(sealing: Sealing, say: Say, confirm: () => Promise<boolean>, now: Date) {
  checkNumbers(sealing)
  checkFolder(sealing.folder)
  const backups = await countBackupsNeeding(writtenMasterVersion(), now)
  for (const line of whatItMeans(sealing, backups)) say(line)
  if (!(await confirm())) throw new Error('Nothing was changed.')
  const shares = (await wholeSetIn(sealing)) ?? (await writeShares(sealing, say, now))
  await proveShares(shares)
  say(
    `Every ${sealing.needed} of the ${sealing.shares} share files in ${sealing.folder} give the recovery key: all choices were tried.`,
  )
  await inTransaction(async (transaction) => {
    await record(system, { act: 'recovery-key.sealed' }, transaction, now)
    await takeRecoveryKeyOff(transaction)
    await askForRotation(transaction, now)
  })
  say('The recovery key is off the server. Running servers know it at once.')
}

type Say = (line: string) => void

function checkNumbers({ shares, needed }: Sealing) {
  if (!Number.isInteger(shares) || shares < 2 || shares > MOST_SHARES)
    throw new Error(`Say how many shares there are to be, 2 to ${MOST_SHARES}: --shares 5`)
  if (!Number.isInteger(needed) || needed < 2 || needed > shares)
    throw new Error(`Say how many of the ${shares} are needed together, 2 to ${shares}: --needed 3`)
}

function checkFolder(folder: string) {
  if (!folder) throw new Error('Say where the share files go: --to FOLDER')
  if (!relative(resolve(config().dataDir), resolve(folder)).startsWith('..'))
    throw new Error('Choose a folder outside of DATA_DIR: what lies in there is backed up with everything else.')
}

function whatItMeans({ shares, needed, folder }: Sealing, backups: number): string[] {
  return [
    'This takes the recovery key off the server for good. It cannot be undone.',
    `  ${shares} share files go to ${folder}. Any ${needed} of them together open the messages of everybody; fewer open nothing.`,
    `  When fewer than ${needed} are left, nobody can open them ever again for somebody who lost every way to sign in.`,
    '  From then on what is on the server is not enough to read what is stored for people who have a sign-in.',
    '  Backups and write-ahead logs from before hold the recovery key, sealed under the master key. So the master key is changed with it, and its version of now',
    `  is destroyed: ${backups === 1 ? 'one backup on record opens' : `${backups} backups on record open`} then only with a copy of that version, which only npm run export-master-key makes, and only before this.`,
    '  Whoever has such a copy and one of those backups can go on reading. Destroy both as soon as you can do without, and make a backup anew.',
    '  Whoever forgets their password opens earlier messages with a recovery code, or is let read again by somebody they write with, or by shares.',
    '  A new member of a team reads its messages when a colleague next opens a page.',
  ]
}

/** The shares that an earlier run left whole in the folder, from before it could go on. */
async function wholeSetIn({ shares, needed, folder }: Sealing): Promise<Share[] | undefined> {
  const found = sharesIn(folder)
  for (const set of new Set(found.map((share) => share.set))) {
    const ofSet = found.filter((share) => share.set === set && share.of === shares && share.needed === needed)
    if (new Set(ofSet.map(({ number }) => number)).size === shares) return ofSet
  }
  return undefined
}

/** Shares of this recovery key. */
function sharesIn(folder: string): Share[] {
  return namesIn(folder).flatMap((name) => {
    const share = name.endsWith('.txt') ? readShare(readFileSync(join(folder, name), 'utf8')) : undefined
    return share?.fingerprint === recoveryFingerprint() ? [share] : []
  })
}

function namesIn(folder: string): string[] {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return readdirSync(folder).filter((name) => name.startsWith('recovery-share-'))
}

/** Splits the key, writes a file for each share, and reads them back. What an unfinished run left is removed: the server still has the key. */
async function writeShares(sealing: Sealing, say: Say, now: Date): Promise<Share[]> {
  const { shares, needed, folder } = sealing
  removeUnfinished(folder, say)
  const { privateKey } = await recoveryKeyPair()
  const secrets = await splitSecret(privateKey, shares, needed)
  const set = randomBytes(4).toString('hex')
  for (const [index, secret] of secrets.entries()) {
    const share = {
      organisation: organisation().name,
      made: `${now.toISOString().slice(0, 16).replace('T', ' ')} UTC`,
      number: index + 1,
      of: shares,
      needed,
      fingerprint: recoveryFingerprint(),
      set,
      secret,
    }
    writeWhole(folder, shareFileName(share), shareText(share))
    say(`Wrote ${join(folder, shareFileName(share))}`)
  }
  const written = await wholeSetIn(sealing)
  if (!written) throw new Error(`The share files in ${folder} cannot be read back. The key is still on the server.`)
  return written
}

/** A half-written file, and those of a set that never became whole. A file of another recovery key is left alone. */
function removeUnfinished(folder: string, say: Say) {
  const left = [
    ...namesIn(folder).filter((name) => name.endsWith('.unfinished')),
    ...sharesIn(folder).map((share) => shareFileName(share)),
  ]
  for (const name of left) rmSync(join(folder, name), { force: true })
  if (left.length > 0)
    say(`Removed ${left.length} share ${left.length === 1 ? 'file' : 'files'} of a run that came to nothing.`)
}

/** Owner-only, and under its name only when all of it is on the disk. */
function writeWhole(folder: string, name: string, text: string) {
  const file = join(folder, name)
  writeFileSync(`${file}.unfinished`, text, { mode: 0o600, flag: 'wx', flush: true })
  renameSync(`${file}.unfinished`, file)
  const opened = openSync(folder, 'r')
  fsyncSync(opened)
  closeSync(opened)
}

/** @throws Error when some choice of as many as are needed does not give the key */
async function proveShares(shares: readonly Share[]) {
  for (const chosen of choices(shares, shares[0]!.needed)) {
    if (recoveryKeyPairOf(await combineShares(chosen.map(({ secret }) => secret)))) continue
    const numbers = chosen.map(({ number }) => number).join(', ')
    throw new Error(`Shares ${numbers} do not give the recovery key again. It is still on the server.`)
  }
}

/** Every choice of `count` of them. */
export function choices<Each>(all: readonly Each[], count: number): Each[][] {
  if (count === 0) return [[]]
  return all.flatMap((each, index) => choices(all.slice(index + 1), count - 1).map((rest) => [each, ...rest]))
}

/** Brings the rotation that was asked for to its end; a running server may be at it already. */
async function destroyOldVersion(provider: KeyProvider, say: Say) {
  try {
    await goOnWithRotation(provider, { say, patience: PATIENCE, withoutDamaged: false })
  } catch (error) {
    if (error instanceof RotationUnderWay) {
      await pause(500)
      return destroyOldVersion(provider, say)
    }
    if (!(error instanceof RotationWaits || error instanceof MasterKeyProblem)) throw error
    throw new Error(
      `${error.message}\nThe recovery key is off the server, and the version of the master key that it was sealed under is not destroyed yet. Ask again, or npm run rotate-master-key: either goes on.`,
    )
  }
}

/** Milliseconds that running servers get to learn the new version. */
const PATIENCE = 60_000
