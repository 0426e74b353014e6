/** What is asked of each page of a walk, and which walk shows which page. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { problemsOf } from '../views/look-at-page.ts'
import type { Seen } from './walker.ts'

/** Every address that answers a GET, by who shows it. Another one in server/routes.ts needs a place here. */
export const SHOWN = {
  letters: [
    '/admin',
    '/admin/access-events',
    '/admin/access-events/:event',
    '/admin/erasures',
    '/admin/erasures/:message/erase',
    '/admin/erasures/new',
    '/admin/holds',
    '/admin/holds/:hold/lift',
    '/admin/holds/new',
    '/admin/patients/:account',
    '/admin/people',
    '/admin/people/invite',
    '/attachments/:attachment',
    '/check-notice',
    '/demo',
    '/demo/outbox',
    '/demo/outbox/:mail',
    '/drafts/:draft/check',
    '/enrol/recovery-codes',
    '/enrol/second-factor',
    '/help',
    '/m/:token',
    '/m/:token/password',
    '/messages',
    '/messages/:message',
    '/messages/:message/recall',
    '/messages/:message/receipt',
    '/messages/:message/sent',
    '/messages/new',
    '/privacy',
    '/sign-in',
    '/sign-in/code',
    '/sign-in/recovery-code',
  ],
  waysIn: [
    '/account',
    '/account/address',
    '/account/address/confirm/:token',
    '/account/code-app',
    '/account/devices',
    '/account/name',
    '/account/openings',
    '/account/passkeys',
    '/account/passkeys/:passkey/name',
    '/account/passkeys/:passkey/remove',
    '/account/password',
    '/account/recovery-code-used',
    '/account/recovery-codes',
    '/address-change/:token',
    '/drafts/:draft/delete',
    '/enrol/password',
    '/help-asked',
    '/help-sign-in',
    '/help-sign-in/people/:account',
    '/help-sign-in/people/:account/ask',
    '/help-sign-in/requests/:request',
    '/messages/:message/access-code',
    '/not-me/:token',
    '/prove',
    '/sign-in/forgot',
    '/sign-in/forgot/asked',
    '/sign-in/help',
    '/sign-in/password',
    '/sign-in/password-set',
    '/sign-in/reset/:token',
    '/sign-in/staff-code',
    '/sign-in/staff-code/password',
    '/sign-in/staff-code/second-factor',
    '/stop-help/:cancel',
  ],
  reports: [
    '/admin/exports',
    '/admin/exports/:export',
    '/admin/exports/new',
    '/admin/reports',
    '/admin/reports/activity',
    '/admin/reports/coverage',
    '/admin/reports/messages/:message/protection',
    '/admin/reports/patient',
    '/admin/reports/patients/:account/disclosures',
    '/admin/reports/patients/:account/disclosures/new',
    '/admin/reports/patients/:account/openings',
    '/admin/reports/people/:account/activity',
    '/admin/reports/protection',
    '/admin/reports/touched',
    '/messages/:message/protection',
  ],
  /** Walked in people.test.ts. */
  people: [
    '/admin/people/:account',
    '/admin/people/:account/close',
    '/admin/people/:account/hand-over',
    '/admin/people/:account/invite-again',
    '/admin/people/:account/reopen',
    '/admin/people/:account/role',
    '/admin/people/:account/suspend',
    '/admin/people/ended',
    '/admin/people/import',
    '/admin/people/import/:list',
    '/admin/teams',
    '/admin/teams/:team',
    '/admin/teams/:team/add',
    '/admin/teams/:team/remove/:account',
    '/admin/teams/:team/rename',
    '/admin/teams/new',
  ],
  /** No page of its own: the way to one, what a script asks for, a file, a picture, a mail. */
  nobody: [
    '/',
    '/account/passkeys/new',
    '/admin/erasures/:message/certificate',
    '/admin/exports/:export/files/:link',
    '/admin/exports/:export/state',
    '/admin/people/import.csv',
    '/attachments/:attachment/check',
    '/attachments/:attachment/download',
    '/attachments/:attachment/pages/:page',
    '/attachments/:attachment/thumbnail',
    '/demo/outbox.json',
    '/demo/outbox/:mail/html',
    '/enrol/recovery-codes.txt',
    '/m/:token/passkey',
    '/messages/:message/certificate',
    '/messages/:message/receipt.txt',
    '/prove/passkey',
    '/sign-in/code/passkey',
    '/sign-in/passkey',
    '/uploads/:upload',
  ],
  /** Of the settings and the alarms: settings-and-alarms.test.ts. */
  settings: [
    '/admin/alarms',
    '/admin/alarms/:alarm',
    '/admin/settings',
    '/admin/settings/:section',
    '/admin/settings/history',
    '/admin/settings/history/:version/undo',
  ],
  // Only where the recovery key is off the server: walked in share-again.test.ts, and looked at as a sample.
  sealed: ['/messages/:message/share-again/:mailbox'],
}

/** Every address that answers a GET, in the order of server/routes.ts. */
export async function pagesThatExist(): Promise<string[]> {
  const { router } = await import('../../server/groups.ts')
  const stack = router.stack as { route?: { path: string; methods: Record<string, boolean> } }[]
  return stack.flatMap(({ route }) => (route?.methods['get'] ? [route.path] : []))
}

/** Looks at each page that it is shown, as a test of its own. @returns also the addresses whose pages it was shown */
export async function makeLook(t: TestContext) {
  const names = new Set<string>()
  const reached = new Set<string>()
  const routes = (await pagesThatExist()).map((path) => ({
    path,
    matches: new RegExp(`^${path.replaceAll('.', '[.]').replace(/:\w+/g, '[^/]+')}$`),
  }))
  const look = async (seen: Seen) => {
    assert.ok(!names.has(seen.name), `${seen.name} was looked at twice`)
    names.add(seen.name)
    const { pathname } = new URL(seen.response.url())
    const route = routes.find(({ matches }) => matches.test(pathname))
    if (seen.response.request().method() === 'GET' && route) reached.add(route.path)
    await t.test(seen.name, async () =>
      assert.deepEqual([...(await answered(seen)), ...(await problemsOf(seen.page))], []),
    )
  }
  return { look, names, reached }
}

async function answered({ page, response, status, h1, complaints }: Seen): Promise<string[]> {
  assert.equal(response.status(), status)
  assert.equal((await page.locator('h1').allInnerTexts()).map((text) => text.trim()).join(' | '), h1)
  return [...complaints, ...headerProblems(response.headers()), ...(await errorPageProblems(page, status))]
}

function headerProblems(headers: Record<string, string>): string[] {
  const problems = []
  if (headers['cache-control'] !== 'no-store') problems.push(`kept by the browser: ${headers['cache-control']}`)
  if (/unsafe|data:/.test(headers['content-security-policy'] ?? 'unsafe')) problems.push('a weak policy')
  return problems
}

/** An error page says whom to call and which request it was. A form that is shown again is none, nor is a text given back, nor a link that is over. */
async function errorPageProblems(page: Seen['page'], status: number): Promise<string[]> {
  if ([200, 422, 429, 410].includes(status)) return []
  if ((await page.locator('main :is(.summary, .given-back, a[href="/sign-in/forgot"])').count()) > 0) return []
  const main = await page.innerText('main')
  return [
    ...(/555-0100/.test(main) ? [] : ['no phone on an error page']),
    ...(/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}/.test(main) ? [] : ['no reference on an error page']),
  ]
}
