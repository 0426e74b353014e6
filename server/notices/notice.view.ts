/** What every mail with a link shows. The host comes from the settings, never from a request. */
import { config } from '../config.ts'

export function noticeView(token: string) {
  const { organisation, baseUrl } = config()
  return {
    organisation: { name: organisation.name, phone: organisation.phone, hours: organisation.hours },
    link: `${baseUrl}/m/${token}`,
    reminder: false,
  }
}
