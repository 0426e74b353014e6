/** The Express app: what happens to every request, in order. Before it stands only `refuseWhenFull` (see start.ts). */
import express, { type Express } from 'express'
import { knowAlarms } from './alarms/know-alarms.ts'
import { knowActor } from './audit/know-actor.ts'
import { recordRefusal } from './audit/record-refusal.ts'
import { config } from './config.ts'
import { leadToSetup } from './organisation/lead-to-setup.ts'
import { routes } from './routes.ts'
import { knowAccess } from './enrolment/access-proof.ts'
import { knowHelpWaiting } from './help-sign-in/know-help-waiting.ts'
import { knowDevice } from './sign-in/know-device.ts'
import { leadEndedToSignIn } from './sign-in/guards.ts'
import { knowReader } from './sign-in/know-reader.ts'
import { saveBeforeRedirect, sessions } from './sign-in/sessions.ts'
import { notFound, showError } from './web/error-pages.ts'
import { sendBrandStyles } from './web/brand-styles.ts'
import { securityHeaders } from './web/headers.ts'
import { live, ready } from './web/health.ts'
import { checkHost } from './web/host.ts'
import { keepPace } from './web/keep-pace.ts'
import { logRequests } from './web/log-requests.ts'
import { checkOrigin } from './web/origin.ts'
import { nameRequest } from './web/request-id.ts'
import { staticFiles } from './web/static-files.ts'

export function makeApp(): Express {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('trust proxy', [...config().trustedProxies])
  app.set('query parser', 'simple')

  app.use(nameRequest, knowActor)
  app.use(logRequests)
  app.use(securityHeaders())
  app.get('/health/live', live)
  app.get('/health/ready', ready)
  app.use(checkHost)
  app.get('/static/brand/:name', sendBrandStyles)
  app.use('/static', staticFiles(), notFound)
  app.use(checkOrigin, keepPace())
  // Express would answer OPTIONS by itself, for pages that the asker may not know of. Nothing of ours asks it.
  app.options('/{*path}', notFound)
  app.use(knowDevice)
  app.use(sessions(), saveBeforeRedirect)
  app.use(knowAccess, knowReader, knowHelpWaiting, knowAlarms, leadToSetup)
  app.use(routes())
  app.use(notFound)
  app.use(leadEndedToSignIn, recordRefusal, showError)
  return app
}
