/** How a code app gets its key, as the partial `code-app` shows it, wherever one is set up. */
import { organisation } from '../settings/settings.ts'
import { codeAddress } from './one-time-code.ts'
import { qrCode } from './qr-code.ts'

export function codeAppView(secret: string, email: string) {
  const address = codeAddress(secret, organisation().name, email)
  return { otpauthHref: address, keyGroups: secret.match(/.{1,4}/g)!, qr: qrCode(address) }
}
