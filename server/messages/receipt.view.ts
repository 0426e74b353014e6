/** A receipt to what its page may see. Pure. */
import { clock24, clockTime, exact, inWords } from '../lib/dates.ts'
import { t } from '../web/page.ts'
import { isReceipt, type Receipt, type ReceiptLine } from './receipt.ts'

/** @param staff whether the reader is of a care team */
export function receiptView(receipt: Receipt, staff: boolean) {
  return {
    title: t('messages:receipt.title'),
    backHref: `/messages/${receipt.messageId}`,
    downloadHref: `/messages/${receipt.messageId}/receipt.txt`,
    to: receipt.to,
    sentAt: inWords(receipt.sentAt, new Date(), staff ? clock24 : clockTime),
    opened: receipt.lines.some(({ kind }) => isReceipt(kind)),
    more: receipt.left.fetched > 0 ? t('messages:receipt.more', { count: receipt.left.fetched }) : '',
    later: receipt.left.later,
    lines: receipt.lines.map((line) => ({
      at: { text: exact(line.at), iso: line.at.toISOString() },
      what: t(`messages:receipt.kinds.${line.kind}`),
      by: whoDid(line),
      counts: isReceipt(line.kind),
    })),
  }
}

function whoDid({ by, kind, accountId }: ReceiptLine): string {
  if (kind === 'link-fetched') return t('messages:receipt.nobody')
  return by || t(accountId ? 'messages:receipt.unnamed' : 'messages:receipt.system')
}
