/** Links to an export's file: for one person, for ten minutes. Nothing of them is stored; the page makes a new one for whoever proves who they are. */
import { timingSafeEqual } from 'node:crypto'
import { lookupDigest } from '../vault/vault.ts'

const TEN_MINUTES = 10 * 60 * 1000

export function linkFor(exportId: string, accountId: string, now = Date.now()): string {
  const until = now + TEN_MINUTES
  return `/admin/exports/${exportId}/files/${until.toString(36)}.${macOf(exportId, accountId, until).toString('base64url')}`
}

export function isGoodLink(exportId: string, accountId: string, link: string, now = Date.now()): boolean {
  const [, end, encoded] = /^([0-9a-z]{1,11})\.([\w-]{43})$/.exec(link) ?? []
  if (!end || !encoded) return false
  const until = parseInt(end, 36)
  const mac = Buffer.from(encoded, 'base64url')
  // A clock that was set back revives nothing that is further ahead than any link was.
  return until > now && until <= now + TEN_MINUTES && timingSafeEqual(mac, macOf(exportId, accountId, until))
}

function macOf(exportId: string, accountId: string, until: number): Buffer {
  return lookupDigest('export-link', `${exportId}\0${accountId}\0${until}`)
}
