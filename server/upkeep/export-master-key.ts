/** The master key's way into a safe and back: every version that is at hand, sealed under a passphrase. */
import { existsSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname, relative, resolve } from 'node:path'
import { system } from '../audit/actor.ts'
import { record } from '../audit/record.ts'
import { config } from '../config.ts'
import { organisation } from '../settings/settings.ts'
import { refuseAnother } from '../vault/file-key-provider.ts'
import type { KeyProvider } from '../vault/key-provider.ts'
import { refuseEasyPassphrase } from './easy-passphrase.ts'
import { keyCopyText, openKeyCopy, readKeyCopy, sealKeyCopy } from './key-copy.ts'

/** @throws Error with a sentence when no copy may be made there */
export function refusePlace(path: string) {
  if (existsSync(path))
    throw new Error(`${path} is there already. A copy takes the place of nothing: name another file.`)
  if (!relative(resolve(config().dataDir), resolve(path)).startsWith('..'))
    throw new Error('A copy beside the key is none. Name a file outside of DATA_DIR.')
}

/** @returns the versions that are in it @throws Error with a sentence, and then there is no copy */
export async function exportMasterKey(
  provider: KeyProvider,
  path: string,
  passphrase: string,
  now = new Date(),
): Promise<number[]> {
  refusePlace(path)
  refuseEasyPassphrase(passphrase)
  const all = await provider.read()
  const versions = [...all.keys()].sort((a, b) => a - b)
  const about = { organisation: organisation().name, made: now, versions }
  const text = keyCopyText(await sealKeyCopy(all, passphrase), about)
  // A copy that nobody tried is no copy.
  const back = await openKeyCopy(readKeyCopy(text), passphrase)
  if (!versions.every((version) => back.get(version)?.equals(all.get(version)!)))
    throw new Error('The copy does not give the key again. Nothing was written.')
  await record(system, { act: 'master-key.exported', found: `versions ${versions.join(', ')}` }, undefined, now)
  await writeOnce(path, text)
  return versions
}

/** For its owner only, and on the disk. */
async function writeOnce(path: string, text: string) {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.chmod(0o600)
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  const folder = await open(dirname(resolve(path)), 'r')
  await folder.sync().finally(() => folder.close())
}

/** Needs no database: whoever restores has none yet. @returns the versions that were put back @throws Error with a sentence */
export async function importMasterKey(provider: KeyProvider, text: string, passphrase: string): Promise<number[]> {
  const copied = await openKeyCopy(readKeyCopy(text), passphrase)
  const there = await provider.read()
  // All of them before the first is put back.
  for (const [version, key] of copied) refuseAnother(there.get(version), version, key)
  const missing = [...copied].filter(([version]) => !there.has(version))
  for (const [version, key] of missing) await provider.putBack(version, key)
  return missing.map(([version]) => version)
}
