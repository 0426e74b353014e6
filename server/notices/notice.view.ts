/** What every mail shows: the organisation, and the page that it leads to. The host comes from the settings, never from a request. */
import { config } from '../config.ts'
import { organisation, settings } from '../settings/settings.ts'

export function noticeView(path: string) {
  const { name, phone, hours } = organisation()
  return {
    organisation: { name, phone, hours },
    link: `${config().baseUrl}${path}`,
    reminder: false,
    // Empty: as the catalogue has them.
    subject: named(settings().noticeSubject),
    first: named(settings().noticeFirst),
  }
}

/** An organisation's own words, with its name where they ask for it. */
function named(words: string): string {
  return words.replaceAll('{organisation}', organisation().name)
}
