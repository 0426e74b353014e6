/** The first page of administrators and auditors. */
import type { Request, Response } from 'express'
import { readerOf } from '../sign-in/guards.ts'
import { showPage } from '../web/page.ts'
import { readIntegrity } from './integrity.ts'
import { overviewView } from './overview.view.ts'
import { readOverview } from './read-overview.ts'

/** GET /admin */
export async function showOverview(request: Request, response: Response) {
  const now = new Date()
  const overview = await readOverview(readerOf(request), now)
  const view = { ...overviewView(overview, now), form: { email: '' }, integrity: await readIntegrity(now) }
  showPage(request, response, 'reports/overview', view)
}
