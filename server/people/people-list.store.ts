/** Lists of people that were read and wait for their button: sealed, for an hour, and for whoever brought them. */
import { ask, type Transaction } from '../database/connection.ts'
import { table } from '../database/table.ts'
import { sealField, unsealField } from '../vault/vault.ts'

interface PeopleListRow {
  id: string
  accountId: string
  listSealed: Buffer
  madeAt: Date
  usedAt: Date | null
}

const lists = table<PeopleListRow>('people_lists', {
  id: 'uuid key',
  accountId: 'uuid',
  listSealed: 'bytea',
  madeAt: 'timestamptz',
  usedAt: 'timestamptz',
})

const AN_HOUR = 60 * 60 * 1000

export async function insertPeopleList(id: string, accountId: string, list: object, now: Date): Promise<void> {
  const listSealed = sealField(`people-list/${id}`, JSON.stringify(list))
  await lists.insert({ id, accountId, listSealed, madeAt: now, usedAt: null })
}

/** @returns undefined when it is somebody else's, too old or not there */
export async function findPeopleList<List>(
  id: string,
  accountId: string,
  now: Date,
): Promise<{ list: List; usedAt: Date | null } | undefined> {
  const row = await lists.find({ id, accountId })
  if (!row || row.madeAt.getTime() < now.getTime() - AN_HOUR) return undefined
  return { list: JSON.parse(unsealField(`people-list/${id}`, row.listSealed)) as List, usedAt: row.usedAt }
}

/** Of two that press its button at once, the second waits and finds it used. @returns whether this call was the first */
export async function usePeopleList(
  id: string,
  accountId: string,
  now: Date,
  transaction: Transaction,
): Promise<boolean> {
  return (await lists.update({ usedAt: now }, { id, accountId, usedAt: null }, transaction)) === 1
}

export async function removeOldPeopleLists(now: Date): Promise<void> {
  await ask('DELETE FROM people_lists WHERE made_at < $1', [new Date(now.getTime() - AN_HOUR)])
}
