/** Rows of a thread to what its page may see. Pure. */
import { organisation, settings } from '../settings/settings.ts'
import type { Attachment } from '../attachments/attachment.ts'
import { LIMITS } from '../attachments/attachment.ts'
import { mayLeave, type CheckState } from '../attachments/check-state.ts'
import { acceptedFiles, fileKinds } from '../attachments/file-kinds.ts'
import { clock24, clockTime, dayAndTime, inWords, sizeInWords, type Clock, type Moment } from '../lib/dates.ts'
import { t } from '../web/page.ts'
import type { Draft } from './draft.ts'
import { LONGEST_BODY } from './reply.form.ts'
import type { Names } from './names.ts'
import type { Closed, OpenedMessage, OpenedThread } from './open-thread.ts'

export interface ReplyForm {
  submission: string
  seen: string
  body: string
  draft: Draft | undefined
}

/** @param staff whether the reader is of a care team, who see what happened to each message */
export function threadView(thread: OpenedThread, names: Names, staff: boolean, reply: ReplyForm) {
  const newest = thread.messages.at(-1)!
  const other = otherSide(thread, names)
  const [first] = thread.messages
  const takenBack = thread.messages.every(({ recalledAt }) => recalledAt)
  return {
    // Not the subject: browsers keep titles in their history, also after signing out.
    title: t('messages:thread.title'),
    staff,
    subject: takenBack ? t('messages:thread.goneTitle', { context: first?.erasedWhy ?? 'recalled' }) : subjectOf(first),
    backHref: '/messages',
    other:
      staff && other
        ? {
            name: other.name || t('messages:thread.patient'),
            address: other.email,
            enrolled: other.state === 'active',
            accessCodeHref: other.state === 'invited' ? `/messages/${newest.id}/access-code` : '',
          }
        : null,
    handedOver: '',
    newer: null as { href: string } | null,
    messages: thread.messages.map((message) => letterView(message, thread, names, staff)),
    // Nothing is left to answer; what somebody was writing is still theirs.
    reply:
      takenBack && !reply.body && !reply.draft
        ? null
        : {
            action: `/messages/${newest.id}/replies`,
            submission: reply.submission,
            seen: reply.seen,
            body: reply.body,
            saved: reply.draft ? draftSaved(reply.draft.savedAt, staff) : '',
            ended: ifEnded(reply.draft?.savedAt, staff),
            removeHref: reply.draft ? `/drafts/${reply.draft.id}/delete` : '',
            files: (reply.draft?.files ?? []).map(addedFile),
            limits: limitsView(),
            idleMinutes: settings().idleMinutes,
            safety: { ...emergency(), answerTime: t('messages:answerTime') },
          },
  }
}

function subjectOf(first: OpenedMessage | undefined): string {
  if (first?.closed) return t(`messages:closed.${first.closed}.subject`)
  return first?.subject || t('messages:inbox.noSubject')
}

export function emergency() {
  const { emergencyPhone } = organisation()
  return { phone: emergencyPhone, phoneHref: `tel:${emergencyPhone.replace(/[^\d+]/g, '')}` }
}

/** The person on the other side, where that is one. */
function otherSide(thread: OpenedThread, names: Names) {
  const ids = thread.messages.flatMap((message) => [
    message.fromMailboxId,
    ...message.recipients.map(({ mailboxId }) => mailboxId),
  ])
  return names.owner(ids.find((id) => id !== thread.mailboxId) ?? '')
}

function letterView(message: OpenedMessage, thread: OpenedThread, names: Names, staff: boolean) {
  const mine = message.fromMailboxId === thread.mailboxId
  const clock = staff ? clock24 : clockTime
  return {
    id: message.id,
    author:
      mine && !staff
        ? t('messages:thread.you')
        : names.author(message.authorAccountId) || names.mailbox(message.fromMailboxId),
    team: names.teamOf(message.fromMailboxId) ?? '',
    mine,
    sentAt: inWords(message.sentAt, new Date(), clock),
    gone: message.recalledAt ? goneView(message, message.recalledAt, clock) : null,
    closed: message.closed ? closedView(message.closed, mine, staff) : null,
    paragraphs: paragraphsOf(message.body),
    files: message.files.map(fileView),
    protectionHref: message.recalledAt ? '' : `/messages/${message.id}/protection`,
    timeline: mine ? timelineOf(message, thread, staff) : [],
    recallHref:
      mine && !message.recalledAt && !message.recipients.some(({ openedAt }) => openedAt)
        ? `/messages/${message.id}/recall`
        : '',
  }
}

/** What is left of a message that was taken back or erased. */
function goneView({ id, erasedWhy, certified }: OpenedMessage, at: Date, clock: Clock) {
  const why = erasedWhy ?? 'recalled'
  return {
    text: t('messages:thread.gone', { context: why, time: inWords(at, new Date(), clock).text }),
    certificateHref: certified ? `/messages/${id}/certificate` : '',
  }
}

/** What happened to a message that cannot be shown, and what opens it again. */
function closedView(closed: Closed, mine: boolean, staff: boolean) {
  if (closed !== 'from-before') return { text: t(`messages:closed.${closed}.text`), href: '', label: '' }
  return {
    text: t('messages:closed.from-before.text', { context: mine || staff ? 'own' : 'theirs' }),
    href: '/account/recovery-codes#earlier',
    label: t('messages:closed.from-before.link'),
  }
}

/** Paragraphs are parted by empty lines; each is a list of lines. */
export function paragraphsOf(text: string): string[][] {
  return text
    .replace(/\r\n?/g, '\n')
    .split(/\n{2,}/)
    .filter((paragraph) => paragraph.trim() !== '')
    .map((paragraph) => paragraph.split('\n'))
}

function fileView(file: Attachment) {
  return {
    name: file.name,
    kind: file.kind,
    details: fileDetails(file),
    thumbnail: file.hasThumbnail ? `/attachments/${file.id}/thumbnail` : '',
    href: `/attachments/${file.id}`,
    downloadHref: mayLeave(file.checkState) ? `/attachments/${file.id}/download` : '',
    state: fileState(file.checkState),
  }
}

/** Null while there is nothing to say of it. */
function fileState(state: CheckState): { tone: string; text: string } | null {
  if (mayLeave(state)) return null
  const tone = { checking: 'info', held: 'warn', blocked: 'bad' }[state as 'checking' | 'held' | 'blocked']
  return { tone, text: t(`messages:files.states.${state}`) }
}

export function fileDetails(file: Attachment): string {
  return `${t(`messages:files.kinds.${file.kind}`)}, ${sizeInWords(file.size)}`
}

/** A file that waits in a draft. */
export function addedFile(file: Attachment) {
  return {
    id: file.id,
    name: file.name,
    details: fileDetails(file),
    state: fileState(file.checkState),
    place: file.tellsPlace ? { removable: CLEANABLE.includes(file.type) } : null,
  }
}

/** What place and camera can be taken out of. */
const CLEANABLE = ['image/jpeg', 'image/png', 'image/webp']

export function limitsView() {
  return {
    files: LIMITS.files,
    fileSize: sizeOfLimit(),
    bytes: LIMITS.fileBytes,
    characters: LONGEST_BODY,
    kinds: fileKinds(),
    accept: acceptedFiles(),
  }
}

/** "25 MB", "5 GB" */
export function sizeOfLimit() {
  const megabytes = LIMITS.fileBytes / 1024 / 1024
  return megabytes % 1024 === 0 ? `${megabytes / 1024} GB` : `${megabytes} MB`
}

interface Step {
  text: string
  at: Moment | null
  tone: 'ok' | 'warn' | 'bad' | 'plain'
}

/** What happened to a message of our side, oldest first. For a patient it is only whether the team has opened it. */
function timelineOf(message: OpenedMessage, thread: OpenedThread, staff: boolean): Step[] {
  const when = (at: Date) => dayAndTime(at, new Date(), staff ? clock24 : clockTime)
  const step = (name: string, at: Date | null, tone: Step['tone']): Step => ({
    text: t(`messages:thread.statuses.${name}`),
    at: at && when(at),
    tone,
  })
  if (message.recalledAt)
    return [step('sent', message.sentAt, 'plain'), step(message.erasedWhy ?? 'recalled', message.recalledAt, 'warn')]
  const [recipient] = message.recipients
  const opened = recipient?.openedAt ?? null
  if (!staff) return [opened ? step('openedByTeam', opened, 'ok') : step('notOpened', null, 'plain')]
  const steps = [step('sent', message.sentAt, 'plain')]
  if (recipient?.noticedAt) steps.push(step('noticed', recipient.noticedAt, 'plain'))
  if (recipient?.noticeFailedAt && !recipient.noticedAt)
    steps.push(step('noticeFailed', recipient.noticeFailedAt, 'bad'))
  steps.push(opened ? step('opened', opened, 'ok') : step('notOpened', null, 'warn'))
  const lastDownload = message.downloads
    .map(({ downloadedAt }) => downloadedAt)
    .sort((a, b) => a.getTime() - b.getTime())
    .at(-1)
  if (lastDownload)
    steps.push({
      text: t('messages:thread.statuses.files', { count: message.downloads.length }),
      at: when(lastDownload),
      tone: 'ok',
    })
  const reply = thread.messages.find(
    (each) => each.fromMailboxId !== message.fromMailboxId && each.sentAt > message.sentAt,
  )
  if (reply) steps.push(step('replied', reply.sentAt, 'ok'))
  return steps
}

/** Says when a reply was kept and where it is. */
export function draftSaved(savedAt: Date, staff: boolean): string {
  return t('messages:reply.draftSaved', { time: savedTime(savedAt, staff) })
}

/** What the page says when its session was ended, with what is kept until then. */
export function ifEnded(savedAt: Date | undefined, staff: boolean): string {
  return savedAt
    ? t('messages:draft.ended', { context: 'kept', time: savedTime(savedAt, staff) })
    : t('messages:draft.ended')
}

function savedTime(savedAt: Date, staff: boolean): string {
  return dayAndTime(savedAt, new Date(), staff ? clock24 : clockTime).text
}
