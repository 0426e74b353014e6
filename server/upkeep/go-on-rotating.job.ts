import { config } from '../config.ts'
import { logInfo, logWarning } from '../lib/logger.ts'
import { keyProvider } from '../vault/key-provider.ts'
import { MasterKeyProblem } from '../vault/master-key.ts'
import { goOnWithRotation, RotationUnderWay, RotationWaits } from './rotate-master-key.ts'

/** A change of the master key that was begun and not finished goes on, when whoever began it was killed or did not want to wait any longer. */
export async function goOnRotating(): Promise<void> {
  const rotating = { say: (line: string) => logInfo(line), patience: 20_000, withoutDamaged: false }
  try {
    await goOnWithRotation(keyProvider(config().masterKey), rotating)
  } catch (error) {
    if (error instanceof RotationUnderWay) return
    // The next minute comes by itself, and the operator hears the sentence when they ask.
    if (!(error instanceof RotationWaits || error instanceof MasterKeyProblem)) throw error
    logWarning('A change of the master key waits: npm run rotate-master-key says for what')
  }
}
