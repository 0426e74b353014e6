/** How a message is protected, in plain words. Pure. */
import { exact } from '../lib/dates.ts'
import { t } from '../web/page.ts'
import type { Protection } from './protection.ts'
import type { ProtectedWrap } from './protection.store.ts'

/** @param nameOf a mailbox, as whoever looks may know it @param own the mailbox of whoever looks, when they take part */
export function protectionView(protection: Protection, nameOf: (mailboxId: string) => string) {
  const { message, text, files, wraps, recovery, log } = protection
  const say = (name: string, values: Record<string, unknown> = {}) => t(`messages:protection.${name}`, values)
  const facts: [string, string][] = [
    ['sealedAt', exact(message.sentAt)],
    ...(text
      ? ([
          ['text', say('textWith', { cipher: text.cipher, derivation: text.derivation })],
          ['size', say('sizeIs', { count: text.bytes })],
          ['key', say('keyIs')],
        ] as [string, string][])
      : ([['erased', say('erasedAt', { time: message.recalledAt ? exact(message.recalledAt) : '' })]] as [
          string,
          string,
        ][])),
    ...(files.length > 0 ? [['files', filesInWords(protection, say)] as [string, string]] : []),
    ...(text ? [['recovery', say(`recoveryIs.${recovery}`)] as [string, string]] : []),
    ...(text && wraps.length > 0
      ? [['master', say('masterIs', { versions: masterVersions(wraps) })] as [string, string]]
      : []),
    ['log', logInWords(log, say)],
  ]
  return {
    title: say('title'),
    facts: facts.map(([name, value]) => ({ name: say(`facts.${name}`), value })),
    holders: text
      ? wraps.map((wrap) => ({
          who: nameOf(wrap.mailboxId),
          how: say(`wraps.${wrap.kind}`),
          version: wrap.mailboxVersion,
        }))
      : [],
  }
}

type Say = (name: string, values?: Record<string, unknown>) => string

function filesInWords({ files }: Protection, say: Say): string {
  const kinds = [...new Set(files.map(({ cipher, derivation }) => say('textWith', { cipher, derivation })))].join(', ')
  const checked = files.filter(({ checkState }) => checkState === 'clean').length
  return say('filesAre', { count: files.length, kinds, checked })
}

function masterVersions(wraps: readonly ProtectedWrap[]): string {
  return [...new Set(wraps.map(({ masterVersion }) => masterVersion))].sort((one, other) => one - other).join(', ')
}

function logInWords(log: Protection['log'], say: Say): string {
  if (!log) return say('logWaits')
  if (!log.signed) return say('logPlace', { leaf: log.leaf })
  return say('logSigned', { leaf: log.leaf, size: log.signed.size, time: exact(log.signed.at) })
}
