/**
 * How a message is protected, found out from what rests and claimed from nowhere: what its envelopes and wraps say of themselves, which versions of which
 * keys they are under, and who holds one that opens it. Nothing is opened for it.
 */
import { findLastCheckpoint } from '../audit/log-proof.store.ts'
import { NotFound } from '../errors.ts'
import { algorithmsIn } from '../vault/floe.ts'
import { recoveryMode } from '../vault/vault.ts'
import {
  findLeafOfSending,
  findProtected,
  listProtectedFiles,
  listProtectedWraps,
  type ProtectedMessage,
  type ProtectedWrap,
} from './protection.store.ts'

export interface Protection {
  message: ProtectedMessage
  /** Of the text; undefined once it was erased. @see algorithmsIn */
  text: { cipher: string; derivation: string; bytes: number } | undefined
  files: { cipher: string; derivation: string; checkState: string }[]
  /** One for each mailbox and version of its key that can open it. */
  wraps: ProtectedWrap[]
  /** managed: the organisation's recovery key is on the server; sealed: it was taken off. */
  recovery: 'managed' | 'sealed'
  log: { leaf: number; signed: { size: number; at: Date } | undefined } | undefined
}

/** The caller has recorded that somebody looks. @throws NotFound @throws EnvelopeRefused when an envelope says of itself what we do not know */
export async function readProtection(messageId: string): Promise<Protection> {
  const message = await findProtected(messageId)
  if (!message) throw new NotFound('no such message')
  const [files, wraps, recovery, log] = await Promise.all([
    listProtectedFiles(messageId),
    listProtectedWraps(message.threadKeyId),
    recoveryMode(),
    placeInLog(messageId),
  ])
  const { bodyHeader, bodyBytes } = message
  return {
    message,
    text: bodyHeader ? { ...algorithmsIn(bodyHeader), bytes: bodyBytes ?? 0 } : undefined,
    files: files.map(({ labelHeader, checkState }) => ({ ...algorithmsIn(labelHeader), checkState })),
    wraps,
    recovery,
    log,
  }
}

async function placeInLog(messageId: string): Promise<Protection['log']> {
  const leaf = await findLeafOfSending(messageId)
  if (leaf === undefined) return undefined
  const last = await findLastCheckpoint()
  const signed = last && last.size > leaf ? { size: last.size, at: last.signedAt } : undefined
  return { leaf, signed }
}
