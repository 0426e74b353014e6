/** Pages that anybody may read, before sign-in too. */
import type { Request, Response } from 'express'
import { config } from '../config.ts'
import { recoveryMode } from '../vault/vault.ts'
import { showPage, t } from './page.ts'

export function showHelp(request: Request, response: Response) {
  showPage(request, response, 'help/help', { title: t('help:help.title') })
}

export async function showPrivacy(request: Request, response: Response) {
  showPage(request, response, 'help/privacy', { title: t('help:privacy.title'), mode: await recoveryMode() })
}

export function showCheckNotice(request: Request, response: Response) {
  showPage(request, response, 'help/check-notice', { title: t('help:checkNotice.title'), address: config().baseUrl })
}
