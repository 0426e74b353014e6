/** What every mail shows: the organisation, and the page that it leads to. The host comes from the settings, never from a request. */
import { config } from '../config.ts'

export function noticeView(path: string) {
  const { organisation, baseUrl } = config()
  return {
    organisation: { name: organisation.name, phone: organisation.phone, hours: organisation.hours },
    link: `${baseUrl}${path}`,
    reminder: false,
  }
}
