/**
 * Access that was suspended, closed or changed: the list from which whoever has to hear of an end within 24 hours is told (systems elsewhere, other
 * organisations), and where somebody says that it was done.
 */
import type { Request, Response } from 'express'
import { listAccounts, type Account } from '../accounts/account.store.ts'
import { record } from '../audit/record.ts'
import { inTransaction } from '../database/connection.ts'
import { BadInput, NotFound } from '../errors.ts'
import { clock24, inWords } from '../lib/dates.ts'
import { typed } from '../lib/form.ts'
import { isId } from '../lib/ids.ts'
import { readerOf } from '../sign-in/guards.ts'
import { showPage, t } from '../web/page.ts'
import { findAccessChange, listAccessEnds, noteTold, type AccessChange } from './access-change.store.ts'

const HOME = '/admin/people/ended'
const PAGE = 50
const A_DAY = 24 * 60 * 60 * 1000

/** GET /admin/people/ended */
export async function showEnded(request: Request, response: Response) {
  const before = readPlace(typed(request.query, 'before'))
  await record(request.actor, { act: 'access-ends.listed' })
  const found = await listAccessEnds(before, PAGE + 1)
  const page = found.slice(0, PAGE)
  const ids = page.flatMap(({ accountId, changedBy, told }) => [accountId, changedBy, ...(told ? [told.by] : [])])
  const people = await listAccounts(ids)
  const mayTell = readerOf(request).account.role === 'admin'
  const last = page.at(-1)
  showPage(request, response, 'people/ended', {
    title: t('people:ended.title'),
    backHref: mayTell ? '/admin/people' : '',
    done: page.some(({ id }) => id === request.query['told']),
    ends: page.map((change) => endView(change, people, mayTell)),
    newer: before ? HOME : '',
    older: found.length > PAGE && last ? `${HOME}?before=${last.changedAt.getTime()}.${last.id}` : '',
  })
}

/** POST /admin/people/ended/:change/told */
export async function takeTold(request: Request, response: Response) {
  const id = request.params['change']
  const change = isId(id) ? await findAccessChange(id) : undefined
  if (!change || change.kind === 'reopened') throw new NotFound('no end of access')
  const { actor, account } = readerOf(request)
  const now = new Date()
  await inTransaction(async (transaction) => {
    if (!(await noteTold(change.id, account.id, now, transaction))) return
    const subject = { kind: 'account' as const, id: change.accountId }
    await record(actor, { act: 'access-ends.told', subject }, transaction, now)
  })
  response.redirect(303, `${HOME}?told=${change.id}`)
}

function endView(change: AccessChange, people: Account[], mayTell: boolean, now = new Date()) {
  const { id, accountId, kind, was, became, reason, changedBy, changedAt, told } = change
  const nameOf = (account: string) => {
    const person = people.find((each) => each.id === account)
    return person ? person.name || person.email : ''
  }
  const until = new Date(changedAt.getTime() + A_DAY)
  const roles = { was: '', became: '' }
  if (kind === 'role-changed')
    Object.assign(roles, { was: t(`accounts:roles.${was}`), became: t(`accounts:roles.${became}`) })
  return {
    id,
    name: nameOf(accountId),
    href: mayTell ? `/admin/people/${accountId}` : '',
    what: t(`people:history.${kind}`, roles),
    at: inWords(changedAt, now, clock24),
    by: t('people:history.by', { name: nameOf(changedBy) }),
    reason,
    late: !told && until < now,
    state: told
      ? t('people:ended.told', { at: inWords(told.at, now, clock24).text, name: nameOf(told.by) })
      : t('people:ended.until', { at: inWords(until, now, clock24).text, context: until < now ? 'late' : '' }),
    toldAction: mayTell && !told ? `${HOME}/${id}/told` : '',
  }
}

function readPlace(text: string): { at: Date; id: string } | undefined {
  if (!text) return undefined
  const [, at, id] = /^(\d{1,15})\.(.+)$/.exec(text) ?? []
  if (!at || !isId(id)) throw new BadInput('no such page')
  return { at: new Date(Number(at)), id }
}
