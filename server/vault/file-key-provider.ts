/** The master key in a file that only its owner can read: one line a version. */
import { randomBytes } from 'node:crypto'
import { readKeyFile, writeKeyFile } from './key-file.ts'
import type { KeyProvider } from './key-provider.ts'
import { MasterKeyProblem, masterKeyText, readMasterKeyText } from './master-key.ts'

export function fileKeyProvider(path: string): KeyProvider {
  const read = () => {
    const text = readKeyFile(path)
    if (text === undefined) return new Map<number, Buffer>()
    // It is being replaced just now, and what was in it was written over.
    return readMasterKeyText(text.includes('\0') ? (readKeyFile(path) ?? '') : text)
  }

  return {
    place: `the file ${path}`,
    read: async () => read(),
    async add(version) {
      const all = read()
      if (!all.has(version)) writeKeyFile(path, masterKeyText(all.set(version, randomBytes(32))))
    },
    async putBack(version, key) {
      const all = read()
      refuseAnother(all.get(version), version, key)
      if (!all.has(version)) writeKeyFile(path, masterKeyText(all.set(version, key)))
    },
    async retire(version) {
      const all = read()
      if (!all.has(version)) return
      refuseTheLast(all, version)
      all.delete(version)
      writeKeyFile(path, masterKeyText(all))
    },
  }
}

/** No provider leaves a place without any key. @throws MasterKeyProblem when there is no other than this version */
export function refuseTheLast(all: ReadonlyMap<number, unknown>, version: number) {
  if (all.size === 1 && all.has(version))
    throw new MasterKeyProblem(
      `Version ${version} is the only one of the master key that is there. It was not destroyed: nothing would open without it.`,
    )
}

/** @throws MasterKeyProblem when there is a version of that number already, and it is another key */
export function refuseAnother(there: Buffer | undefined, version: number, key: Buffer) {
  if (there && !there.equals(key))
    throw new MasterKeyProblem(
      `There is another key of version ${version} already. Nothing was changed: the copy belongs to another installation, or to one that was set up anew.`,
    )
}
