/** A file to what its page may see. Pure. */
import { mayLeave, type CheckState } from '../attachments/check-state.ts'
import { sizeInWords } from '../lib/dates.ts'
import { t } from '../web/page.ts'
import { paragraphsOf } from './message.view.ts'
import type { OpenedFile } from './open-attachment.ts'

/** @param staff whether the reader is of a care team, who also see that nothing is checked */
export function attachmentView({ attachment, messageId, subject, mine, drawn, pages }: OpenedFile, staff: boolean) {
  const { id, name, kind, size, checkState } = attachment
  const place = `/attachments/${id}`
  const leaves = mayLeave(checkState)
  return {
    // Not the file's name: browsers keep titles in their history, also after signing out.
    title: t('attachments:title'),
    name,
    kind,
    type: t(`messages:files.kinds.${kind}`),
    size: sizeInWords(size),
    state: leaves ? null : stateView(checkState, mine, place),
    pages: pages.map(({ page, width, height, text }) => ({
      src: `${place}/pages/${page}`,
      width,
      height,
      title: kind === 'pdf' ? t('attachments:page', { page, count: drawn?.total ?? pages.length }) : '',
      alt:
        kind === 'pdf'
          ? t('attachments:pageAlt', { page, count: drawn?.total ?? pages.length })
          : t('attachments:preview', { name }),
      paragraphs: paragraphsOf(text),
    })),
    rest: drawn && pages.length > 0 && drawn.total > pages.length ? restView(pages.length, drawn.total) : '',
    none: leaves && pages.length === 0 ? noneView(drawn?.problem) : null,
    checked: checkedView(checkState, staff),
    downloadHref: leaves ? `${place}/download` : '',
    backHref: `/messages/${messageId}`,
    subject: subject || t('messages:inbox.noSubject'),
  }
}

/** Why nobody gets the file now. */
function stateView(state: CheckState, mine: boolean, place: string) {
  const waits = state !== 'blocked'
  return {
    tone: { checking: 'info', held: 'warn', blocked: 'bad' }[state as 'checking' | 'held' | 'blocked'],
    title: t(`attachments:states.${state}.title`),
    text: t(`attachments:states.${state}.text`, { context: mine ? 'own' : 'theirs' }),
    now: waits ? state : '',
    again: waits ? place : '',
    asks: waits ? `${place}/check` : '',
  }
}

function restView(shown: number, total: number): string {
  return t('attachments:rest', { shown, count: total })
}

function noneView(problem: string = 'kind') {
  return { title: t(`attachments:none.${problem}.title`), text: t(`attachments:none.${problem}.text`) }
}

function checkedView(state: CheckState, staff: boolean): string {
  return state === 'clean' || (state === 'not-checked' && staff) ? t(`attachments:checked.${state}`) : ''
}
