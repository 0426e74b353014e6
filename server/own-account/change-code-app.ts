/** Another code app in place of the one that somebody signs in with. */
import type { Request } from 'express'
import { record } from '../audit/record.ts'
import { inTransaction } from '../database/connection.ts'
import { findCodeApp, replaceCodeApp } from '../sign-in/credential.store.ts'
import { readCode, stepOfCode } from '../sign-in/one-time-code.ts'
import type { Reader } from '../sign-in/reader.ts'
import { endOtherSessions } from '../sign-in/sessions.ts'
import { tellOfChange } from '../sign-in/tell-of-change.ts'

/**
 * With a right code of the new app, its secret takes the old one's place in one step: of many requests one does it, and the code that proved
 * the new app is used up. @returns undefined when the code is wrong, false when another request was first
 */
export async function changeCodeApp(
  request: Request,
  { account, actor }: Reader,
  secret: string,
  typedCode: string,
  now = new Date(),
): Promise<boolean | undefined> {
  const code = readCode(typedCode)
  const step = code && (await stepOfCode(secret, code, 0, now))
  if (!step) return undefined
  const before = await findCodeApp(account.id)
  if (before?.secret === secret) return false
  return inTransaction(async (transaction) => {
    if (!(await replaceCodeApp(account.id, before, { secret, step }, transaction))) return false
    await endOtherSessions(request, transaction)
    await record(actor, { act: 'code-app.replaced', subject: { kind: 'account', id: account.id } }, transaction, now)
    await tellOfChange(account.id, 'code-app-replaced', now, transaction)
    return true
  })
}
