/** The master key in a setting (`MASTER_KEY`): whoever set it changes it. This program can only say how. */
import type { KeyProvider } from './key-provider.ts'
import { refuseAnother, refuseTheLast } from './file-key-provider.ts'
import { MasterKeyProblem, readMasterKeyText } from './master-key.ts'

export function envKeyProvider(text: string): KeyProvider {
  const all = readMasterKeyText(text)
  return {
    place: 'the setting MASTER_KEY',
    read: async () => new Map([...all].map(([version, key]) => [version, Buffer.from(key)])),
    async add(version) {
      if (all.has(version)) return
      throw new MasterKeyProblem(
        `The master key stands in the setting MASTER_KEY, where this program cannot add version ${version}. Run \`npm run -s make-master-key -- ${version}\`, put the line that it prints behind the one that is there (a space between them), start every server again with both, and ask again.`,
      )
    },
    async putBack(version, key) {
      refuseAnother(all.get(version), version, key)
      if (all.has(version)) return
      throw new MasterKeyProblem(
        `The master key stands in the setting MASTER_KEY, where this program cannot put version ${version} back. Set MASTER_KEY_PROVIDER=file and MASTER_KEY_FILE to a file that does not exist yet, and ask again.`,
      )
    },
    async retire(version) {
      if (!all.has(version)) return
      refuseTheLast(all, version)
      throw new MasterKeyProblem(
        `Nothing needs version ${version} of the master key any more. It stands in the setting MASTER_KEY, where this program cannot destroy it. Take the line that begins with ${version}: out of it wherever it stands, start every server again, and ask again.`,
      )
    },
  }
}
