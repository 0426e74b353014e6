/** What happened to a message, as a page and as a signed file, for the side that sent it. */
import type { Request, Response } from 'express'
import { readerOf } from '../sign-in/guards.ts'
import { showPage } from '../web/page.ts'
import { readReceipt } from './read-receipt.ts'
import { receiptView } from './receipt.view.ts'
import { signReceipt } from './sign-receipt.ts'
import { messageIn } from './thread.pages.ts'

/** GET /messages/:message/receipt */
export async function showReceipt(request: Request, response: Response) {
  const reader = readerOf(request)
  const receipt = await readReceipt(reader, messageIn(request), 'receipt.read')
  showPage(request, response, 'messages/receipt', receiptView(receipt, reader.account.role !== 'patient'))
}

/** GET /messages/:message/receipt.txt */
export async function downloadReceipt(request: Request, response: Response) {
  const id = messageIn(request)
  const text = await signReceipt(readerOf(request), id)
  response.attachment(`receipt-${id}.txt`).type('text/plain').send(text)
}
