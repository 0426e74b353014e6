/** What the server is killed in. Each kills it so many times, and throws what was wrong. */
import { killBackups } from './backups.ts'
import { killErasures } from './erasures.ts'
import { killRotations } from './rotations.ts'
import { killUploads } from './uploads.ts'

export const KINDS: Record<string, (rounds: number) => Promise<string>> = {
  uploads: killUploads,
  rotations: killRotations,
  erasures: killErasures,
  backups: killBackups,
}
