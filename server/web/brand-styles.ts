import type { Request, Response } from 'express'
import { NotFound } from '../errors.ts'
import { brandStyles } from '../settings/brand-styles.ts'
import { lookAtSettings } from '../settings/follow-settings.ts'

/** GET /static/brand/:name. Another process may have made the page, with colours that this one has not looked for yet. */
export async function sendBrandStyles(request: Request, response: Response) {
  const { name } = request.params
  if (brandStyles()?.name !== name) await lookAtSettings()
  const styles = brandStyles()
  if (!styles || styles.name !== name) throw new NotFound('no such colours')
  response.set('Cache-Control', 'public, max-age=31536000, immutable').type('css').send(styles.text)
}
