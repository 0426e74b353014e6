/** Who opened my messages, for everybody. */
import type { Request, Response } from 'express'
import { BadInput } from '../errors.ts'
import { typed } from '../lib/form.ts'
import { isId } from '../lib/ids.ts'
import { readerOf } from '../sign-in/guards.ts'
import { showPage } from '../web/page.ts'
import { readOpenings } from './list-openings.ts'
import { openingsView } from './openings.view.ts'

/** GET /account/openings */
export async function showOpenings(request: Request, response: Response) {
  const reader = readerOf(request)
  const before = readPlace(typed(request.query, 'before'))
  const openings = await readOpenings(reader, before)
  showPage(request, response, 'own-account/openings', openingsView(openings, reader.account, !before))
}

function readPlace(text: string): { at: Date; id: string } | undefined {
  if (!text) return undefined
  const [, at, id] = /^(\d{1,15})\.(.+)$/.exec(text) ?? []
  if (!at || !isId(id)) throw new BadInput('no such page')
  return { at: new Date(Number(at)), id }
}
