/** Who may ask for what: every route that exists, asked by everybody who may come, against one table. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Account } from '../server/accounts/account.store.ts'
import { enrol, everybodyIn, linkIn, mailsTo, readerOf, writeTo } from './support/letters.ts'
import type { Person } from './support/cast.ts'
import { makePng } from './support/files.ts'
import { startTestServer, type TestServer } from './support/server.ts'
import { signedIn, Visitor, type Answer } from './support/visitor.ts'
import { begun, senderOn } from './attachments/pieces.ts'
import { changeSessions } from './sign-in/session-rows.ts'

/**
 * One line a route. The columns are those of STATES. A number is a status; `303` is a redirect to an own page; `sign-in`, `code` and `enrol` are
 * redirects to that step of the sign-in. What is addressed: a message of the Diabetes team to Maria that she has opened, its file, an
 * unfinished draft of Dana's, a passkey of Maria's, a request of Ada's to help Sam to a new sign-in, an export that Felix asked for, and the link of
 * somebody who has not enrolled. The forms are sent with their right token.
 */
const POLICY = `
                                          nobody  code    enrolling ended   patient other   team    outside admin   auditor
GET  /                                    sign-in sign-in sign-in   sign-in 303     303     303     303     303     303
GET  /help                                200     200     200       200     200     200     200     200     200     200
GET  /privacy                             200     200     200       200     200     200     200     200     200     200
GET  /check-notice                        200     200     200       200     200     200     200     200     200     200
GET  /m/:token                            200     200     200       200     200     200     200     200     200     200
POST /m/:token                            303     303     303       303     303     303     303     303     303     303
GET  /m/:token/password                   200     200     200       200     200     200     200     200     200     200
POST /m/:token/password                   422     422     422       422     422     422     422     422     422     422
GET  /m/:token/passkey                    200     200     200       200     200     200     200     200     200     200
POST /m/:token/passkey                    422     422     422       422     422     422     422     422     422     422
GET  /enrol/second-factor                 sign-in sign-in 200       sign-in sign-in sign-in sign-in sign-in sign-in sign-in
POST /enrol/second-factor                 sign-in sign-in 422       sign-in sign-in sign-in sign-in sign-in sign-in sign-in
GET  /enrol/password                      sign-in sign-in sign-in   sign-in sign-in sign-in sign-in sign-in sign-in sign-in
POST /enrol/password                      sign-in sign-in sign-in   sign-in sign-in sign-in sign-in sign-in sign-in sign-in
GET  /sign-in                             200     200     200       200     303     303     303     303     303     303
POST /sign-in                             422     422     422       422     422     422     422     422     422     422
GET  /sign-in/passkey                     200     200     200       200     200     200     200     200     200     200
POST /sign-in/passkey                     422     422     422       422     422     422     422     422     422     422
GET  /sign-in/password                    sign-in sign-in sign-in   sign-in sign-in sign-in sign-in sign-in sign-in sign-in
POST /sign-in/password                    sign-in sign-in sign-in   sign-in sign-in sign-in sign-in sign-in sign-in sign-in
GET  /sign-in/code                        sign-in 200     sign-in   sign-in sign-in sign-in sign-in sign-in sign-in sign-in
POST /sign-in/code                        sign-in 422     sign-in   sign-in sign-in sign-in sign-in sign-in sign-in sign-in
GET  /sign-in/code/passkey                404     200     404       404     404     404     404     404     404     404
POST /sign-in/code/passkey                sign-in 422     sign-in   sign-in sign-in sign-in sign-in sign-in sign-in sign-in
GET  /sign-in/recovery-code               sign-in 200     sign-in   sign-in sign-in sign-in sign-in sign-in sign-in sign-in
POST /sign-in/recovery-code               sign-in 422     sign-in   sign-in sign-in sign-in sign-in sign-in sign-in sign-in
GET  /sign-in/sign-on                     sign-in sign-in sign-in   sign-in 303     303     303     303     303     303
GET  /sign-in/sign-on/back                sign-in sign-in sign-in   sign-in 303     303     303     303     303     303
GET  /account/sign-on                     sign-in code    enrol     sign-in 404     404     200     200     200     200
POST /account/sign-on                     sign-in code    enrol     sign-in 404     404     303     303     303     303
GET  /account/sign-on/begin               sign-in code    enrol     sign-in 404     404     303     303     303     303
POST /account/sign-on/remove              sign-in code    enrol     sign-in 404     404     303     303     303     303
GET  /sign-in/help                        200     200     200       200     200     200     200     200     200     200
GET  /sign-in/forgot                      200     200     200       200     200     200     200     200     200     200
POST /sign-in/forgot                      422     422     422       422     422     422     422     422     422     422
GET  /sign-in/forgot/asked                200     200     200       200     200     200     200     200     200     200
GET  /sign-in/reset/:token                404     404     404       404     404     404     404     404     404     404
POST /sign-in/reset/:token                404     404     404       404     404     404     404     404     404     404
GET  /sign-in/password-set                200     200     200       200     200     200     200     200     200     200
GET  /enrol/recovery-codes                sign-in code    enrol     sign-in 303     303     303     303     303     303
GET  /enrol/recovery-codes.txt            sign-in code    enrol     sign-in 404     404     404     404     404     404
POST /enrol/recovery-codes                sign-in code    enrol     sign-in 303     303     303     303     303     303
POST /session/extend                      sign-in code    enrol     sign-in 200     200     200     200     200     200
GET  /prove                               sign-in code    enrol     sign-in 303     303     303     303     303     303
POST /prove                               sign-in code    enrol     sign-in 422     422     422     422     422     422
GET  /prove/passkey                       sign-in code    enrol     sign-in 200     200     200     200     200     200
POST /prove/passkey                       sign-in code    enrol     sign-in 422     422     422     422     422     422
GET  /account/passkeys                    sign-in code    enrol     sign-in 200     200     200     200     200     200
POST /account/passkeys                    sign-in code    enrol     sign-in 422     422     422     422     422     422
GET  /account/passkeys/new                sign-in code    enrol     sign-in 200     200     200     200     200     200
GET  /account/passkeys/:passkey/name      sign-in code    enrol     sign-in 200     404     404     404     404     404
POST /account/passkeys/:passkey/name      sign-in code    enrol     sign-in 422     404     404     404     404     404
GET  /account/passkeys/:passkey/remove    sign-in code    enrol     sign-in 200     404     404     404     404     404
POST /account/passkeys/:passkey/remove    sign-in code    enrol     sign-in 303     404     404     404     404     404
GET  /account/devices                     sign-in code    enrol     sign-in 200     200     200     200     200     200
POST /account/devices/end                 sign-in code    enrol     sign-in 404     404     404     404     404     404
POST /account/devices/forget              sign-in code    enrol     sign-in 404     404     404     404     404     404
POST /account/devices/end-others          sign-in code    enrol     sign-in 303     303     303     303     303     303
POST /account/devices/end-all             sign-in code    enrol     sign-in sign-in sign-in sign-in sign-in sign-in sign-in
GET  /account                             sign-in code    enrol     sign-in 200     200     200     200     200     200
GET  /account/recovery-codes              sign-in code    enrol     sign-in 200     200     200     200     200     200
POST /account/recovery-codes              sign-in code    enrol     sign-in 303     303     303     303     303     303
POST /account/recovery-codes/earlier      sign-in code    enrol     sign-in 422     422     422     422     422     422
POST /account/recovery-codes/earlier-password sign-in code enrol    sign-in 422     422     422     422     422     422
GET  /account/recovery-code-used          sign-in code    enrol     sign-in 200     200     200     200     200     200
GET  /account/name                        sign-in code    enrol     sign-in 200     200     200     200     200     200
POST /account/name                        sign-in code    enrol     sign-in 422     422     422     422     422     422
GET  /account/password                    sign-in code    enrol     sign-in 200     200     200     200     200     200
POST /account/password                    sign-in code    enrol     sign-in 403     403     403     403     403     403
GET  /account/code-app                    sign-in code    enrol     sign-in 200     200     200     200     200     200
POST /account/code-app                    sign-in code    enrol     sign-in 422     422     422     422     422     422
GET  /account/address                     sign-in code    enrol     sign-in 200     200     200     200     200     200
POST /account/address                     sign-in code    enrol     sign-in 422     422     422     422     422     422
POST /account/address/stop                sign-in code    enrol     sign-in 303     303     303     303     303     303
GET  /account/address/confirm/:token      sign-in code    enrol     sign-in 404     404     404     404     404     404
POST /account/address/confirm/:token      sign-in code    enrol     sign-in 404     404     404     404     404     404
GET  /account/openings                    sign-in code    enrol     sign-in 200     200     200     200     200     200
GET  /address-change/:token               404     404     404       404     404     404     404     404     404     404
POST /address-change/:token/confirm       sign-in code    enrol     sign-in 404     404     404     404     404     404
POST /address-change/:token/stop          404     404     404       404     404     404     404     404     404     404
GET  /not-me/:token                       404     404     404       404     404     404     404     404     404     404
POST /not-me/:token                       404     404     404       404     404     404     404     404     404     404
GET  /messages/new                        sign-in code    enrol     sign-in 404     404     200     200     404     404
POST /messages                            403     code    enrol     sign-in 404     404     303     303     404     404
GET  /drafts/:draft/check                 sign-in code    enrol     sign-in 404     404     303     404     404     404
POST /drafts/:draft/send                  sign-in code    enrol     sign-in 404     404     303     404     404     404
GET  /drafts/:draft/delete                sign-in code    enrol     sign-in 404     404     200     404     404     404
POST /drafts/:draft/delete                sign-in code    enrol     sign-in 404     404     303     404     404     404
GET  /messages                            sign-in code    enrol     sign-in 200     200     200     200     200     200
GET  /messages/:message                   sign-in code    enrol     sign-in 200     404     200     404     404     404
POST /messages/:message/replies           403     code    enrol     sign-in 303     404     303     404     404     404
GET  /messages/:message/sent              sign-in code    enrol     sign-in 404     404     200     404     404     404
GET  /messages/:message/recall            sign-in code    enrol     sign-in 404     404     200     404     404     404
POST /messages/:message/recall            sign-in code    enrol     sign-in 404     404     409     404     404     404
GET  /messages/:message/receipt           sign-in code    enrol     sign-in 404     404     200     404     404     404
GET  /messages/:message/receipt.txt       sign-in code    enrol     sign-in 404     404     200     404     404     404
GET  /messages/:message/certificate       sign-in code    enrol     sign-in 404     404     404     404     404     404
GET  /messages/:message/protection        sign-in code    enrol     sign-in 200     404     200     404     404     404
GET  /messages/:message/share-again/:mailbox sign-in code enrol     sign-in 404     404     303     404     404     404
POST /messages/:message/share-again/:mailbox sign-in code enrol     sign-in 404     404     303     404     404     404
GET  /messages/:message/access-code       sign-in code    enrol     sign-in 404     404     303     404     404     404
POST /messages/:message/access-code       sign-in code    enrol     sign-in 404     404     303     404     404     404
POST /uploads                             sign-in code    enrol     sign-in 201     201     201     201     201     201
GET  /uploads/:upload                     sign-in code    enrol     sign-in 200     404     404     404     404     404
PATCH /uploads/:upload                    sign-in code    enrol     sign-in 400     400     400     400     400     400
POST /uploads/:upload/finish              sign-in code    enrol     sign-in 409     404     404     404     404     404
GET  /attachments/:attachment             sign-in code    enrol     sign-in 200     404     200     404     404     404
GET  /attachments/:attachment/thumbnail   sign-in code    enrol     sign-in 200     404     200     404     404     404
GET  /attachments/:attachment/pages/:page sign-in code    enrol     sign-in 200     404     200     404     404     404
GET  /attachments/:attachment/check       sign-in code    enrol     sign-in 200     404     200     404     404     404
GET  /attachments/:attachment/download    sign-in code    enrol     sign-in 200     404     200     404     404     404
GET  /admin                               sign-in code    enrol     sign-in 404     404     404     404     200     200
POST /admin/patients                      sign-in code    enrol     sign-in 404     404     404     404     422     422
GET  /admin/patients/:account             sign-in code    enrol     sign-in 404     404     404     404     404     404
GET  /admin/access-events/:event          sign-in code    enrol     sign-in 404     404     404     404     200     200
GET  /admin/people                        sign-in code    enrol     sign-in 404     404     404     404     200     404
GET  /admin/people/invite                 sign-in code    enrol     sign-in 404     404     404     404     200     404
POST /admin/people/invite                 sign-in code    enrol     sign-in 404     404     404     404     422     404
POST /admin/people                        sign-in code    enrol     sign-in 404     404     404     404     422     404
GET  /admin/people/import                 sign-in code    enrol     sign-in 404     404     404     404     200     404
GET  /admin/people/import.csv             sign-in code    enrol     sign-in 404     404     404     404     200     404
POST /admin/people/import                 sign-in code    enrol     sign-in 404     404     404     404     422     404
GET  /admin/people/import/:list           sign-in code    enrol     sign-in 404     404     404     404     404     404
POST /admin/people/import/:list           sign-in code    enrol     sign-in 404     404     404     404     404     404
GET  /admin/people/ended                  sign-in code    enrol     sign-in 404     404     404     404     200     200
POST /admin/people/ended/:change/told     sign-in code    enrol     sign-in 404     404     404     404     303     404
GET  /admin/people/:account               sign-in code    enrol     sign-in 404     404     404     404     200     404
GET  /admin/people/:account/suspend       sign-in code    enrol     sign-in 404     404     404     404     200     404
POST /admin/people/:account/suspend       sign-in code    enrol     sign-in 404     404     404     404     422     404
GET  /admin/people/:account/reopen        sign-in code    enrol     sign-in 404     404     404     404     200     404
POST /admin/people/:account/reopen        sign-in code    enrol     sign-in 404     404     404     404     422     404
GET  /admin/people/:account/close         sign-in code    enrol     sign-in 404     404     404     404     200     404
POST /admin/people/:account/close         sign-in code    enrol     sign-in 404     404     404     404     422     404
GET  /admin/people/:account/role          sign-in code    enrol     sign-in 404     404     404     404     200     404
POST /admin/people/:account/role          sign-in code    enrol     sign-in 404     404     404     404     422     404
GET  /admin/people/:account/invite-again  sign-in code    enrol     sign-in 404     404     404     404     200     404
POST /admin/people/:account/invite-again  sign-in code    enrol     sign-in 404     404     404     404     409     404
GET  /admin/people/:account/hand-over     sign-in code    enrol     sign-in 404     404     404     404     200     404
POST /admin/people/:account/hand-over     sign-in code    enrol     sign-in 404     404     404     404     422     404
GET  /admin/teams                         sign-in code    enrol     sign-in 404     404     404     404     200     404
GET  /admin/teams/new                     sign-in code    enrol     sign-in 404     404     404     404     200     404
POST /admin/teams/new                     sign-in code    enrol     sign-in 404     404     404     404     422     404
GET  /admin/teams/:team                   sign-in code    enrol     sign-in 404     404     404     404     200     404
GET  /admin/teams/:team/rename            sign-in code    enrol     sign-in 404     404     404     404     200     404
POST /admin/teams/:team/rename            sign-in code    enrol     sign-in 404     404     404     404     422     404
GET  /admin/teams/:team/add               sign-in code    enrol     sign-in 404     404     404     404     200     404
POST /admin/teams/:team/add               sign-in code    enrol     sign-in 404     404     404     404     422     404
GET  /admin/teams/:team/remove/:account   sign-in code    enrol     sign-in 404     404     404     404     200     404
POST /admin/teams/:team/remove/:account   sign-in code    enrol     sign-in 404     404     404     404     303     404
GET  /admin/access-events                 sign-in code    enrol     sign-in 404     404     404     404     200     200
POST /admin/access-events                 sign-in code    enrol     sign-in 404     404     404     404     303     303
GET  /admin/erasures                      sign-in code    enrol     sign-in 404     404     404     404     200     200
GET  /admin/erasures/:message/certificate sign-in code    enrol     sign-in 404     404     404     404     404     404
GET  /admin/erasures/new                  sign-in code    enrol     sign-in 404     404     404     404     200     404
POST /admin/erasures/new                  sign-in code    enrol     sign-in 404     404     404     404     422     404
GET  /admin/erasures/:message/erase       sign-in code    enrol     sign-in 404     404     404     404     200     404
POST /admin/erasures/:message/erase       sign-in code    enrol     sign-in 404     404     404     404     422     404
GET  /admin/holds                         sign-in code    enrol     sign-in 404     404     404     404     200     200
GET  /admin/holds/new                     sign-in code    enrol     sign-in 404     404     404     404     200     404
POST /admin/holds/new                     sign-in code    enrol     sign-in 404     404     404     404     422     404
GET  /admin/holds/:hold/lift              sign-in code    enrol     sign-in 404     404     404     404     200     404
POST /admin/holds/:hold/lift              sign-in code    enrol     sign-in 404     404     404     404     422     404
GET  /admin/exports                       sign-in code    enrol     sign-in 404     404     404     404     200     200
GET  /admin/exports/new                   sign-in code    enrol     sign-in 404     404     404     404     200     200
POST /admin/exports/new                   sign-in code    enrol     sign-in 404     404     404     404     422     422
GET  /admin/exports/:export               sign-in code    enrol     sign-in 404     404     404     404     200     200
GET  /admin/exports/:export/state         sign-in code    enrol     sign-in 404     404     404     404     200     200
POST /admin/exports/:export/cancel        sign-in code    enrol     sign-in 404     404     404     404     303     303
GET  /admin/exports/:export/files/:link   sign-in code    enrol     sign-in 404     404     404     404     303     303
GET  /admin/reports                       sign-in code    enrol     sign-in 404     404     404     404     200     200
GET  /admin/reports/patient               sign-in code    enrol     sign-in 404     404     404     404     200     200
POST /admin/reports/patient               sign-in code    enrol     sign-in 404     404     404     404     422     422
GET  /admin/reports/patients/:account/disclosures sign-in code    enrol     sign-in 404     404     404     404     404     404
GET  /admin/reports/patients/:account/openings sign-in code    enrol     sign-in 404     404     404     404     404     404
GET  /admin/reports/patients/:account/disclosures/new sign-in code    enrol     sign-in 404     404     404     404     404     404
POST /admin/reports/patients/:account/disclosures/new sign-in code    enrol     sign-in 404     404     404     404     404     404
POST /admin/reports/disclosures/:disclosure/withdraw sign-in code    enrol     sign-in 404     404     404     404     404     404
GET  /admin/reports/activity              sign-in code    enrol     sign-in 404     404     404     404     200     200
POST /admin/reports/activity              sign-in code    enrol     sign-in 404     404     404     404     422     422
GET  /admin/reports/people/:account/activity sign-in code    enrol     sign-in 404     404     404     404     200     200
GET  /admin/reports/coverage              sign-in code    enrol     sign-in 404     404     404     404     200     200
GET  /admin/reports/touched               sign-in code    enrol     sign-in 404     404     404     404     200     200
POST /admin/reports/touched               sign-in code    enrol     sign-in 404     404     404     404     422     422
GET  /admin/reports/protection            sign-in code    enrol     sign-in 404     404     404     404     200     200
POST /admin/reports/protection            sign-in code    enrol     sign-in 404     404     404     404     422     422
GET  /admin/reports/messages/:message/protection sign-in code    enrol     sign-in 404     404     404     404     200     200
GET  /admin/settings                      sign-in code    enrol     sign-in 404     404     404     404     200     404
GET  /admin/settings/history              sign-in code    enrol     sign-in 404     404     404     404     200     404
GET  /admin/settings/history/:version/undo sign-in code    enrol     sign-in 404     404     404     404     200     404
POST /admin/settings/history/:version/undo sign-in code    enrol     sign-in 404     404     404     404     409     404
GET  /admin/settings/:section             sign-in code    enrol     sign-in 404     404     404     404     200     404
POST /admin/settings/:section             sign-in code    enrol     sign-in 404     404     404     404     422     404
GET  /admin/alarms                        sign-in code    enrol     sign-in 404     404     404     404     200     200
GET  /admin/alarms/:alarm                 sign-in code    enrol     sign-in 404     404     404     404     200     200
POST /admin/alarms/:alarm                 sign-in code    enrol     sign-in 404     404     404     404     422     422
POST /admin/alarms/:alarm/take            sign-in code    enrol     sign-in 404     404     404     404     303     303
GET  /demo                                200     200     200       200     200     200     200     200     200     200
GET  /demo/outbox                         200     200     200       200     200     200     200     200     200     200
GET  /demo/outbox.json                    200     200     200       200     200     200     200     200     200     200
GET  /demo/outbox/:mail                   200     200     200       200     200     200     200     200     200     200
GET  /demo/outbox/:mail/html              200     200     200       200     200     200     200     200     200     200
GET  /sign-in/staff-code                  200     200     200       200     200     200     200     200     200     200
POST /sign-in/staff-code                  422     422     422       422     422     422     422     422     422     422
GET  /sign-in/staff-code/password         303     303     303       303     303     303     303     303     303     303
POST /sign-in/staff-code/password         303     303     303       303     303     303     303     303     303     303
GET  /sign-in/staff-code/second-factor    303     303     303       303     303     303     303     303     303     303
POST /sign-in/staff-code/second-factor    303     303     303       303     303     303     303     303     303     303
GET  /stop-help/:cancel                   200     200     200       200     200     200     200     200     200     200
POST /stop-help/:cancel                   303     303     303       303     303     303     303     303     303     303
GET  /help-asked                          sign-in code    enrol     sign-in 303     303     303     303     303     303
POST /help-asked                          sign-in code    enrol     sign-in 303     303     303     303     303     303
GET  /help-sign-in                        sign-in code    enrol     sign-in 404     404     200     200     200     404
POST /help-sign-in                        sign-in code    enrol     sign-in 404     404     422     422     422     404
GET  /help-sign-in/people/:account        sign-in code    enrol     sign-in 404     404     404     404     200     404
GET  /help-sign-in/people/:account/ask    sign-in code    enrol     sign-in 404     404     404     404     200     404
POST /help-sign-in/people/:account/ask    sign-in code    enrol     sign-in 404     404     404     404     422     404
GET  /help-sign-in/requests/:request      sign-in code    enrol     sign-in 404     404     404     404     200     404
POST /help-sign-in/requests/:request/approve sign-in code enrol     sign-in 404     404     404     404     404     404
POST /help-sign-in/requests/:request/code sign-in code    enrol     sign-in 404     404     404     404     303     404
POST /help-sign-in/requests/:request/stop sign-in code    enrol     sign-in 404     404     404     404     303     404
DELETE /uploads/:upload                   sign-in code    enrol     sign-in 204     404     404     404     404     404
POST /sign-out                            sign-in sign-in sign-in   sign-in sign-in sign-in sign-in sign-in sign-in sign-in
`

const STATES = [
  'nobody',
  'code',
  'enrolling',
  'ended',
  'patient',
  'other',
  'team',
  'outside',
  'admin',
  'auditor',
] as const
type State = (typeof STATES)[number]

/** Where somebody in this state finds a form's token. */
const FORM_AT: Record<State, string> = {
  nobody: '/sign-in',
  code: '/sign-in/code',
  enrolling: '/enrol/second-factor',
  ended: '/sign-in',
  patient: '/help',
  other: '/help',
  team: '/help',
  outside: '/help',
  admin: '/help',
  auditor: '/help',
}

const CANARY = 'canary-of-the-routes'
const policy = readPolicy()

describe('Who may ask for what', () => {
  let server: TestServer
  let who: Record<State, Visitor>
  let addressed: Record<string, string>
  let people: Partial<Record<State, Person>>

  before(async () => {
    // A provider that is away: what is asked here goes no further.
    server = await startTestServer({
      OIDC_ISSUER: 'http://127.0.0.1:9',
      OIDC_CLIENT_ID: 'letterlock',
      OIDC_CLIENT_SECRET: 'fictitious',
      OIDC_NAME: 'Riverside account',
    })
    const { dana, sam, maria, ada, felix } = server.cast
    const cast = await everybodyIn(server, { team: dana, patient: maria, admin: ada, auditor: felix, ended: sam })
    const { visitor: other, person: otherPatient } = await newPatient(cast.team, 'other.patient@mail.example')
    const { visitor: outside, person: outsider } = await newProvider(cast.admin, 'outside@riverside.example')
    people = { patient: maria, other: otherPatient, team: dana, outside: outsider, admin: ada, auditor: felix }
    const files = [{ name: `${CANARY}.png`, type: 'image/png', bytes: makePng() }]
    const message = await writeTo(cast.team, { to: maria.email, subject: CANARY, body: `${CANARY}.`, files })
    await cast.patient.ask(`/messages/${message}`)
    const [file] = await server.sql<{ id: string }>('SELECT id FROM attachments WHERE message_id = $1', [message])
    const draft = await cast.team.upload('/messages/new', '/messages', {
      draft: '',
      body: 'unfinished',
      action: 'save',
    })
    await writeTo(cast.team, { to: 'never.enrolled@mail.example' })
    const [mail] = await mailsTo(server, 'never.enrolled@mail.example')
    const [{ id: mailId }] = (await server.sql('SELECT id FROM captured_mails LIMIT 1')) as [{ id: string }]
    addressed = {
      page: '1',
      message,
      attachment: file!.id,
      draft: draft.location.split('=')[1]!,
      token: linkIn(mail!).slice(3),
      mail: mailId,
      ...(await requestForHelp(ada.email, sam.email)),
      passkey: await passkeyOf(maria.email),
      hold: await holdOn(felix.email, ada.email),
      export: await exportBy(felix.email),
      section: 'limits',
      version: await settingsChanged(ada.email),
      alarm: await alarmRaised(),
      event: (await server.sql<{ id: string }>('SELECT id FROM access_events LIMIT 1'))[0]!.id,
      mailbox: await mailboxOf(maria.email),
      team: await teamOf(sam.email),
      change: await suspendedAndBack(ada.email, outsider.email),
      upload: await begun(await senderOn(cast.patient, '/help', server.baseUrl), 'begun.txt', 5),
    }
    who = {
      ...cast,
      other,
      outside,
      nobody: new Visitor(server),
      code: await halfSignedIn(cast.team),
      enrolling: await enrolling(),
    }
    await endSession(sam.email)
  })
  after(() => server.stop())

  async function newPatient(provider: Visitor, email: string) {
    await writeTo(provider, { to: email })
    return enrolled(email)
  }

  async function enrolled(email: string) {
    const { visitor, person } = await enrol(server, linkIn((await mailsTo(server, email))[0]!))
    return { visitor, person: { ...person, email } }
  }

  async function newProvider(administrator: Visitor, email: string) {
    const page = '/admin/people/invite'
    const fields = { name: 'Olga Outside', email, role: 'provider', team: '', newTeam: 'Foot clinic' }
    assert.equal((await administrator.submit(page, page, fields)).status, 303)
    return enrolled(email)
  }

  /** By an administrator for a colleague: out of a care team's reach. */
  async function requestForHelp(asker: string, person: string) {
    const { findAccountByEmail } = await import('../server/accounts/account.store.ts')
    const { cancelToken } = await import('../server/accounts/assisted-reset.store.ts')
    const { askForHelp } = await import('../server/help-sign-in/help-sign-in.ts')
    const { system } = await import('../server/audit/actor.ts')
    const [helper, { id: account }] = (await Promise.all([asker, person].map((each) => findAccountByEmail(each)))) as [
      Account,
      Account,
    ]
    const request = (await askForHelp(system, helper, account, 'a fictitious reason'))!
    return { account, request, cancel: cancelToken(request) }
  }

  /** Somebody who is nobody else in this table: signing out everywhere ends half-made sign-ins too. */
  async function halfSignedIn(provider: Visitor) {
    const email = 'half.signed.in@mail.example'
    await writeTo(provider, { to: email })
    const { person } = await enrol(server, linkIn((await mailsTo(server, email))[0]!))
    const { password } = person
    const visitor = new Visitor(server)
    const answer = await visitor.submit('/sign-in', '/sign-in', { email, password })
    assert.equal(answer.location, '/sign-in/code')
    return visitor
  }

  async function enrolling() {
    await writeTo(who?.team ?? (await everybodyIn(server, { dana: server.cast.dana })).dana, {
      to: 'half@mail.example',
    })
    const link = linkIn((await mailsTo(server, 'half@mail.example'))[0]!)
    const visitor = new Visitor(server)
    const fields = { password: 'a fictitious password 11' }
    const answer = await visitor.submit(`${link}/password`, `${link}/password`, fields)
    assert.equal(answer.location, '/enrol/second-factor')
    return visitor
  }

  async function mailboxOf(email: string) {
    const { findAccountByEmail } = await import('../server/accounts/account.store.ts')
    const { findMailboxOf } = await import('../server/accounts/mailbox.store.ts')
    return (await findMailboxOf({ accountId: (await findAccountByEmail(email))!.id }))!.id
  }

  async function teamOf(email: string) {
    const { findAccountByEmail } = await import('../server/accounts/account.store.ts')
    const { listMemberships } = await import('../server/accounts/team.store.ts')
    return (await listMemberships([(await findAccountByEmail(email))!.id]))[0]!.team.id
  }

  /** An end of access that others have to be told of; the one it was of signs in again below. */
  async function suspendedAndBack(by: string, email: string) {
    const { findAccountByEmail } = await import('../server/accounts/account.store.ts')
    const { insertAccessChange } = await import('../server/people/access-change.store.ts')
    const { inTransaction } = await import('../server/database/connection.ts')
    const { newId } = await import('../server/lib/ids.ts')
    const [admin, person] = await Promise.all([by, email].map(async (each) => (await findAccountByEmail(each))!.id))
    const change = { id: newId(), accountId: person!, kind: 'suspended' as const, was: 'active', became: 'suspended' }
    const why = { reason: 'a fictitious reason', changedBy: admin!, changedAt: new Date() }
    await inTransaction((transaction) => insertAccessChange({ ...change, ...why }, transaction))
    return change.id
  }

  /** On somebody of whom nothing else here is asked. */
  async function holdOn(email: string, by: string) {
    const { findAccountByEmail } = await import('../server/accounts/account.store.ts')
    const { system } = await import('../server/audit/actor.ts')
    const { placeHold } = await import('../server/messages/place-hold.ts')
    const actor = { ...system, id: (await findAccountByEmail(by))!.id }
    return (await placeHold(actor, { what: 'account', email }, 'a fictitious reason'))!
  }

  async function exportBy(email: string) {
    const { askForExport } = await import('../server/reports/ask-for-export.ts')
    return (await askForExport(await readerOf(email), {
      kind: 'events',
      format: 'csv',
      filter: { outcome: 'failed' },
    }))!
  }

  /** @returns which version it was */
  async function settingsChanged(by: string) {
    const { findAccountByEmail } = await import('../server/accounts/account.store.ts')
    const { system } = await import('../server/audit/actor.ts')
    const { changeSettings } = await import('../server/organisation/change-settings.ts')
    const actor = { ...system, id: (await findAccountByEmail(by))!.id }
    await changeSettings(actor, { section: 'limits', values: { helpWaitingHours: 48 }, seen: 0 })
    return '1'
  }

  async function alarmRaised() {
    const { whomOfText } = await import('../server/alarms/alarm.store.ts')
    const { raiseAlarm } = await import('../server/alarms/raise-alarm.ts')
    const { inTransaction } = await import('../server/database/connection.ts')
    const alarm = { rule: 'job-gave-up' as const, whom: whomOfText('fictitious'), count: 1, threshold: 1 }
    await inTransaction((transaction) => raiseAlarm(alarm, new Date(), transaction))
    const [{ id }] = (await server.sql('SELECT id FROM alarms')) as [{ id: string }]
    return id
  }

  async function passkeyOf(email: string) {
    const { findAccountByEmail } = await import('../server/accounts/account.store.ts')
    const { insertPasskey } = await import('../server/sign-in/passkey.store.ts')
    const { inTransaction } = await import('../server/database/connection.ts')
    const { newId } = await import('../server/lib/ids.ts')
    const plain = { credentialId: 'AAAA', publicKey: Buffer.alloc(1), counter: 0, transports: [], backedUp: false }
    const id = newId()
    const whose = { id, accountId: (await findAccountByEmail(email))!.id, name: 'A phone' }
    await inTransaction((transaction) =>
      insertPasskey({ ...plain, ...whose, addedAt: new Date(), lastUsedAt: null }, transaction),
    )
    return id
  }

  async function endSession(email: string) {
    const { findAccountByEmail } = await import('../server/accounts/account.store.ts')
    const { id } = (await findAccountByEmail(email))!
    await changeSessions(server, { seenAt: 1 }, ({ sess }) => sess['accountId'] === id)
  }

  async function ask(state: State, verb: string, path: string): Promise<Answer> {
    const visitor = who[state]
    if (verb === 'GET') return visitor.ask(path)
    const token = await visitor.tokenOn(FORM_AT[state])
    const fields = { ...(await fieldsFor(path)), _csrf: token }
    const origin = `http://localhost:${server.port}`
    return visitor.ask(path, {
      method: verb,
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin, 'x-form-token': token },
      ...(verb === 'DELETE' ? {} : { body: new URLSearchParams(fields).toString() }),
    })
  }

  async function fieldsFor(path: string): Promise<Record<string, string>> {
    const { newId } = await import('../server/lib/ids.ts')
    if (path.endsWith('/replies')) return { submission: newId(), body: 'kept for later', action: 'save' }
    if (path === '/uploads') return { name: 'x.txt', size: '1' }
    if (path === '/messages') return { draft: '', to: '', body: 'kept for later', action: 'save' }
    return {}
  }

  function pathOf(pattern: string) {
    return pattern.replace(/:(\w+)/g, (_, name: string) => addressed[name] ?? `:${name}`)
  }

  test('62. Every route has its line in the policy table, and every line its route', async () => {
    const { router } = await import('../server/groups.ts')
    const stack = router.stack as { route?: { path: string; methods: Record<string, boolean> } }[]
    const routes = stack.flatMap(({ route }) =>
      route ? Object.keys(route.methods).map((verb) => `${verb.toUpperCase()} ${route.path}`) : [],
    )
    assert.deepEqual(routes.toSorted(), policy.map(({ verb, path }) => `${verb} ${path}`).toSorted())
    assert.ok(routes.length > 40)
  })

  // New codes stand before every other page, and signing out comes last of all.
  const ENDS = ['/account/recovery-codes', '/account/devices/end-all', '/sign-out']
  for (const { verb, path, expected } of policy.filter((line) => line.verb === 'GET' || !ENDS.includes(line.path)))
    testRoute(verb, path, expected)

  test('63. Attachment id of another message or user; guessed UUID; id in body differs from id in path -> 404 same', async () => {
    const { newId } = await import('../server/lib/ids.ts')
    const theirs = await who.other.ask(`/attachments/${addressed['attachment']}`)
    const guessed = await who.other.ask(`/attachments/${newId()}`)
    const garbled = await who.other.ask('/attachments/1')
    for (const answer of [theirs, guessed, garbled]) assert.equal(answer.status, 404)
    assert.equal(withoutReference(theirs), withoutReference(guessed))
    assert.equal(withoutReference(theirs), withoutReference(garbled))
    for (const path of ['thumbnail', 'pages/1', 'check', 'download']) {
      const answer = await who.other.ask(`/attachments/${addressed['attachment']}/${path}?id=${addressed['message']}`)
      assert.equal(answer.status, 404)
    }
    // The path says which message is answered; ids in the body change nothing.
    const own = (
      await server.sql<{ id: string }>('SELECT id FROM messages WHERE author_account_id <> $1 LIMIT 1', [newId()])
    )[0]!
    const answer = await who.other.submit('/help', `/messages/${addressed['message']}/replies`, {
      submission: newId(),
      message: own.id,
      body: 'not for this thread',
      action: 'send',
    })
    assert.equal(answer.status, 404)
    assert.equal(withoutReference(answer), withoutReference(theirs))
    const denied = await server.sql(
      `SELECT 1 FROM access_events WHERE outcome = 'denied' AND subject_id = $1 AND act LIKE 'attachment.%'`,
      [addressed['attachment']],
    )
    assert.ok(denied.length >= 3)
  })

  test('65. Owner null vs anonymous null (`nil==nil`) -> refused', async () => {
    const { newId } = await import('../server/lib/ids.ts')
    const [ownerless, nobodys] = [newId(), newId()]
    const { attachment, message } = addressed as { attachment: string; message: string }
    await server.sql(
      `INSERT INTO attachments (id, uploader_account_id, uploader_mailbox_id, uploader_mailbox_version, key_wrapped, label_sealed, uploaded_at, check_state)
       SELECT $1, NULL, uploader_mailbox_id, uploader_mailbox_version, key_wrapped, label_sealed, now(), check_state FROM attachments WHERE id = $2`,
      [ownerless, attachment],
    )
    await server.sql(`INSERT INTO threads (id, created_at) VALUES ($1, now())`, [nobodys])
    await server.sql(
      `INSERT INTO messages (id, thread_id, thread_key_id, from_mailbox_id, author_account_id, key_wrapped, body_sealed, sent_at)
       SELECT $1, $1, thread_key_id, from_mailbox_id, NULL, key_wrapped, body_sealed, now() FROM messages WHERE id = $2`,
      [nobodys, message],
    )
    for (const path of [`/attachments/${ownerless}`, `/attachments/${ownerless}/download`, `/messages/${nobodys}`]) {
      assert.deepEqual((await who.nobody.ask(path)).location, `/sign-in?next=${encodeURIComponent(path)}`)
      for (const state of ['patient', 'other', 'team', 'outside', 'admin', 'auditor'] as const)
        assert.equal((await who[state].ask(path)).status, 404, `${state} ${path}`)
    }
    await server.sql('DELETE FROM attachments WHERE id = $1', [ownerless])
    await server.sql('DELETE FROM messages WHERE id = $1', [nobodys])
    await server.sql('DELETE FROM threads WHERE id = $1', [nobodys])
  })

  test('71. Admin opens message URL, API, blob, DB console -> no content', async () => {
    const paths = [
      `/messages/${addressed['message']}`,
      `/attachments/${addressed['attachment']}`,
      `/attachments/${addressed['attachment']}/thumbnail`,
      `/attachments/${addressed['attachment']}/pages/1`,
      `/attachments/${addressed['attachment']}/check`,
      `/attachments/${addressed['attachment']}/download`,
      `/files/${addressed['attachment']}`,
      `/static/../files/${addressed['attachment']}`,
      `/api/v1/messages/${addressed['message']}`,
      '/admin/sql',
      '/admin/messages',
      '/debug',
      '/metrics',
      '/env',
    ]
    for (const path of paths)
      for (const state of ['admin', 'auditor'] as const) {
        const answer = await who[state].ask(path)
        assert.equal(answer.status, 404, path)
        assert.ok(!answer.bytes.includes(CANARY), path)
      }
    assert.doesNotMatch((await who.admin.ask('/messages')).body, new RegExp(CANARY))
  })

  test('72. Admin impersonation header, `?as=`, JWT claim -> no such thing', async () => {
    const maria = server.cast.maria.email
    const claims = Buffer.from(JSON.stringify({ email: maria, role: 'admin' })).toString('base64url')
    const headers = {
      'x-impersonate': maria,
      'x-user': maria,
      'x-forwarded-user': maria,
      'x-remote-user': maria,
      'x-original-url': '/help',
      authorization: `Bearer e30.${claims}.`,
    }
    const path = `/messages/${addressed['message']}?as=${maria}&user=${maria}&role=admin`
    for (const state of ['admin', 'auditor', 'outside', 'other'] as const)
      assert.equal((await who[state].ask(path, { headers })).status, 404)
    const answer = await who.nobody.ask(path, { headers })
    assert.equal(answer.status, 303)
    assert.equal(answer.location.split('?')[0], '/sign-in')
  })

  test('73. HTTP verb change, HEAD, OPTIONS, trailing slash, case, `;x`, `%2e`, double encoding -> same decision', async () => {
    const message = `/messages/${addressed['message']}`
    const doubled = message.replace('/messages/', '/messages%2F')
    const variants = [
      `${message}/`,
      message.toUpperCase(),
      `/Messages/${addressed['message']}`,
      `${message};x`,
      `${message};jsessionid=1`,
      `${message}%00`,
      `${message}.json`,
      `${message}?format=json`,
      `/%6dessages/${addressed['message']}`,
      `/./messages/${addressed['message']}`,
      `/help/../messages/${addressed['message']}`,
      `/%2e/messages/${addressed['message']}`,
      `//messages/${addressed['message']}`,
      `/help/%2e%2e/messages/${addressed['message']}`,
      doubled,
      doubled.replace('%', '%25'),
      `/messages/%2e%2e/messages/${addressed['message']}`,
    ]
    for (const state of ['nobody', 'other', 'outside', 'admin', 'ended', 'code'] as const) {
      const decided = outcome(await who[state].ask(message))
      for (const path of variants) {
        const answer = await who[state].ask(path)
        assert.ok(['404', decided].includes(outcome(answer)), `${state} ${path}: ${answer.status} ${answer.location}`)
        assert.ok(!answer.bytes.includes(CANARY))
      }
      for (const method of ['HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND']) {
        const headers = { origin: server.baseUrl, 'x-http-method-override': 'GET', 'content-length': '0' }
        const answer = await who[state].ask(message, { method, headers })
        assert.ok(['404', decided].includes(outcome(answer)), `${state} ${method}: ${answer.status}`)
        assert.ok(!answer.bytes.includes(CANARY))
      }
    }
    assert.equal((await who.patient.ask(message, { method: 'HEAD' })).body, '')
    for (const path of ['/Admin/people', '/admin/people/', '/admin/People', '/admin//people', '/%61dmin/people;x'])
      assert.equal((await who.patient.ask(path)).status, 404, path)
  })

  test('74. Cache deception `/message/1/x.css` -> 404, no-store', async () => {
    for (const path of [
      `/messages/${addressed['message']}/x.css`,
      `/messages/${addressed['message']}%2fx.css`,
      '/message/1/x.css',
      '/messages/x.css',
    ])
      for (const state of ['patient', 'team'] as const) {
        const answer = await who[state].ask(path)
        assert.equal(answer.status, 404, path)
        assert.equal(answer.headers['cache-control'], 'no-store')
        assert.ok(!answer.bytes.includes(CANARY))
      }
  })

  test('62. A refused role is in the log, with the page and nothing more', async () => {
    const refused = await server.sql<{ actorRole: string }>(
      `SELECT DISTINCT actor_role AS "actorRole" FROM access_events WHERE act = 'page.refused' AND outcome = 'denied' ORDER BY 1`,
    )
    assert.deepEqual(refused, [
      { actorRole: 'admin' },
      { actorRole: 'auditor' },
      { actorRole: 'patient' },
      { actorRole: 'provider' },
    ])
  })

  for (const ending of ENDS) {
    if (ending === '/sign-out')
      test('everybody whom that signed out can sign in again', async () => {
        for (const [state, person] of Object.entries(people)) who[state as State] = await signedIn(server, person)
      })
    testRoute('POST', ending, policy.find(({ verb, path }) => verb === 'POST' && path === ending)!.expected)
  }

  function testRoute(verb: string, path: string, expected: string[]) {
    test(`62. Every route x every actor state -> policy table: ${verb} ${path}`, async () => {
      const address = pathOf(path)
      const answers = await Promise.all(STATES.map((state) => ask(state, verb, address)))
      assert.deepEqual(
        answers.map((answer, index) => [STATES[index], outcome(answer)]),
        STATES.map((state, index) => [state, expected[index]]),
      )
      for (const [index, answer] of answers.entries()) {
        const mayRead = ['patient', 'team'].includes(STATES[index]!)
        if (!mayRead) assert.ok(!answer.bytes.includes(CANARY), `${STATES[index]} sees something of the message`)
        assert.equal(answer.headers['cache-control'], 'no-store')
      }
    })
  }
})

function outcome({ status, location }: Answer): string {
  if (status !== 303) return String(status)
  if (location.split('?')[0] === '/sign-in') return 'sign-in'
  return ({ '/sign-in/code': 'code', '/enrol/second-factor': 'enrol' } as Record<string, string>)[location] ?? '303'
}

/** The page but for the request's id, which is another one each time, the form's token, and what it says of the asker's own time and form. */
function withoutReference({ body }: Answer): string {
  return body
    .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '')
    .replace(/name="_csrf" value="[^"]*"/g, '')
    .replace(/ data-idle="\d+" data-last="\d+"( data-posted)?/, '')
}

function readPolicy() {
  const [head, ...lines] = POLICY.trim().split('\n')
  assert.deepEqual(head!.trim().split(/\s+/), STATES)
  return lines.map((line) => {
    const [verb, path, ...expected] = line.trim().split(/\s+/) as [string, string, ...string[]]
    assert.equal(expected.length, STATES.length, line)
    return { verb, path, expected }
  })
}
