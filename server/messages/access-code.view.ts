import { day } from '../lib/dates.ts'
import type { AccessCode } from '../enrolment/access-code.ts'

/** An access code for the page that shows it, in two groups; without one (it was shown before) the way to a new one. */
export function accessCodeView(messageId: string, shown: AccessCode | undefined) {
  return {
    groups: shown ? shown.code.match(/.{4}/g)! : [],
    until: shown ? day(shown.expiresAt) : null,
    href: `/messages/${messageId}/access-code`,
  }
}
