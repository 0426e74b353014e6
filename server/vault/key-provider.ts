/** Where the master key rests. Each provider stands in a file of its own; one contract test holds all of them to what is said here. */
import type { MasterKeySettings } from '../config.ts'
import { envKeyProvider } from './env-key-provider.ts'
import { fileKeyProvider } from './file-key-provider.ts'
import type { MasterKeyVersions } from './master-key.ts'
import { transitKeyProvider } from './transit-key-provider.ts'

/** What fails, fails with a MasterKeyProblem: a sentence that says what to do, and no secret. */
export interface KeyProvider {
  /** What it is, for people: "the file /…/master.key". */
  readonly place: string
  /** Every version that is at hand; none when no key was made yet. */
  read(): Promise<MasterKeyVersions>
  /** Makes a version. It is kept for good before this resolves; one that is there already stays as it is. */
  add(version: number): Promise<void>
  /** Keeps a version that was made before, from its copy. Another key of the same version is refused. */
  putBack(version: number, key: Buffer): Promise<void>
  /** Destroys a version, for good when this resolves. One that is not there is no fault: it goes on where it was cut off. */
  retire(version: number): Promise<void>
}

export function keyProvider(settings: MasterKeySettings): KeyProvider {
  switch (settings.provider) {
    case 'file':
      return fileKeyProvider(settings.path)
    case 'env':
      return envKeyProvider(settings.text)
    case 'transit':
      return transitKeyProvider(settings)
  }
}
