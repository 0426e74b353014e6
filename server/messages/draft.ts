/** Drafts: what somebody is writing, sealed to their own public half; saving needs no open session, reading does. */
import type { MailboxKey } from '../accounts/mailbox.store.ts'
import { uploadKey, dropUpload } from '../attachments/keep-upload.ts'
import { LIMITS, unsealAttachment, type Attachment } from '../attachments/attachment.ts'
import { addToDraft, listUploadsOf } from '../attachments/attachment.store.ts'
import { inTransaction, isTaken } from '../database/connection.ts'
import { NotFound } from '../errors.ts'
import { newId } from '../lib/ids.ts'
import type { Reader } from '../sign-in/reader.ts'
import { sealToPublic, unsealWithPrivate } from '../vault/public-seal.ts'
import type { KeyPair } from '../vault/hpke.ts'
import { findDraft, listDrafts, listDraftsIn, putDraft, takeDraft, type DraftRow } from './draft.store.ts'

export interface DraftText {
  /** As typed; not checked yet. */
  to: string
  subject: string
  body: string
  /** The team that it is written for. */
  teamId: string
  /** Whether the recipient is to be asked for an access code first. */
  accessCode?: boolean
}

export interface Draft extends DraftText {
  id: string
  threadId: string | null
  savedAt: Date
  files: Attachment[]
}

/** Whoever writes: enough to keep a draft for them, also when their session has ended. */
export interface Writer {
  accountId: string
  own: MailboxKey
}

export function writerOf(reader: Reader): Writer {
  return { accountId: reader.account.id, own: reader.own }
}

/** Keeps what was written, over an earlier draft of the same place, and adds uploads to it. @returns the draft's id */
export async function saveDraft(
  writer: Writer,
  place: { draftId?: string; threadId?: string },
  text: DraftText,
  uploads: readonly string[],
  now = new Date(),
): Promise<string> {
  try {
    return await saveOver(await earlierDraft(writer, place), writer, place, text, uploads, now)
  } catch (error) {
    // Two forms in one thread were saved for the first time at once: the other one's draft is there now.
    if (!isTaken(error, 'drafts_account_id_thread_id_idx')) throw error
    return saveOver(await earlierDraft(writer, place), writer, place, text, uploads, now)
  }
}

async function saveOver(
  earlier: DraftRow | undefined,
  { accountId, own }: Writer,
  place: { draftId?: string; threadId?: string },
  text: DraftText,
  uploads: readonly string[],
  now: Date,
): Promise<string> {
  const id = earlier?.id ?? place.draftId ?? newId(now)
  const envelope = sealToPublic(own.publicKey, `draft/${id}`, Buffer.from(JSON.stringify(text)))
  await inTransaction(async (transaction) => {
    const threadId = place.threadId ?? earlier?.threadId ?? null
    const sealed = { mailboxId: own.id, mailboxVersion: own.version, envelope, savedAt: now }
    if (!(await putDraft({ id, accountId, threadId, ...sealed }, transaction))) throw new NotFound('not their draft')
    await addToDraft(accountId, uploads, id, transaction)
  })
  return id
}

async function earlierDraft(
  writer: Writer,
  place: { draftId?: string; threadId?: string },
): Promise<DraftRow | undefined> {
  const { threadId, draftId } = place
  const inThread = threadId && (await findDraft(writer.accountId, { threadId, mailboxVersion: writer.own.version }))
  if (inThread) return inThread
  // One that is sealed to an earlier key is written over only by a form that showed it.
  const named = draftId ? await findDraft(writer.accountId, { id: draftId }) : undefined
  return !threadId || named?.threadId === threadId ? named : undefined
}

/**
 * The reader's own draft with its files; of those in a thread the newest that they can read.
 * @returns undefined when there is none, or it is not theirs, or it waits with an earlier key @throws EnvelopeRefused
 */
export async function openDraft(
  reader: Reader,
  where: { id: string } | { threadId: string },
): Promise<Draft | undefined> {
  const named = 'id' in where ? await findDraft(reader.account.id, where) : undefined
  const rows = 'id' in where ? [named] : await listDraftsIn(reader.account.id, where.threadId)
  for (const row of rows) {
    const pair = row && (await reader.pairOf(reader.own.id, row.mailboxVersion))
    if (pair) return { ...unsealText(row, pair), files: await filesOf(reader, row) }
  }
  return undefined
}

/** The reader's drafts without their files, newest first; without those that wait with an earlier key. */
export async function listDraftTexts(reader: Reader): Promise<Omit<Draft, 'files'>[]> {
  const rows = await listDrafts(reader.account.id)
  const texts = await Promise.all(
    rows.map(async (row) => {
      const pair = await reader.pairOf(reader.own.id, row.mailboxVersion)
      return pair ? [unsealText(row, pair)] : []
    }),
  )
  return texts.flat()
}

async function filesOf(reader: Reader, row: DraftRow): Promise<Attachment[]> {
  const uploads = await listUploadsOf(reader.account.id, row.id)
  const files = await Promise.all(
    uploads.map(async (upload) => {
      const pair = await reader.pairOf(reader.own.id, upload.uploaderMailboxVersion)
      return pair ? [unsealAttachment(upload, uploadKey(upload, pair))] : []
    }),
  )
  return files.flat()
}

function unsealText(row: DraftRow, pair: KeyPair): Omit<Draft, 'files'> {
  const text = JSON.parse(unsealWithPrivate(pair, `draft/${row.id}`, row.envelope).toString()) as DraftText
  return { ...text, id: row.id, threadId: row.threadId, savedAt: row.savedAt }
}

/** Takes the files out that are more than a message may have, the newest first. @returns how many they were */
export async function trimDraft(writer: Writer, draftId: string): Promise<number> {
  const surplus = (await listUploadsOf(writer.accountId, draftId)).slice(LIMITS.files)
  for (const { id } of surplus) await dropUpload(writer.accountId, id)
  return surplus.length
}

/** Takes a file out of the reader's draft. */
export async function removeFromDraft(
  reader: Reader,
  draftId: string,
  attachmentIds: readonly string[],
): Promise<void> {
  const own = new Set((await listUploadsOf(reader.account.id, draftId)).map(({ id }) => id))
  for (const id of attachmentIds) if (own.has(id)) await dropUpload(reader.account.id, id)
}

/** Erases a draft with its files. */
export async function deleteDraft(writer: Writer, draftId: string): Promise<void> {
  // Its files first: without the draft nobody would know whose they are until they are swept.
  for (const { id } of await listUploadsOf(writer.accountId, draftId)) await dropUpload(writer.accountId, id)
  await takeDraft(writer.accountId, draftId)
}

/** A draft in which nothing stands any more is none. @returns whether it is gone */
export async function deleteEmptyDraft(writer: Writer, draftId: string, text: DraftText): Promise<boolean> {
  if ([text.to, text.subject, text.body].some((part) => part.trim() !== '')) return false
  if ((await listUploadsOf(writer.accountId, draftId)).length > 0) return false
  await takeDraft(writer.accountId, draftId)
  return true
}
