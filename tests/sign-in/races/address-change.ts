/**
 * A change of address, each step fifty times at once over two processes: one confirmation by the new address, one by the old one, one change, one
 * that takes it back; and two people who want the same address at one moment.
 */
import assert from 'node:assert/strict'
import { onAnother, type TwoProcesses } from '../../support/second-process.ts'
import { letCodesCountAgain, signedIn, Visitor, type Answer } from '../../support/visitor.ts'
import type { AddressChange } from '../../../server/accounts/address-change.store.ts'
import { changeSessions } from '../session-rows.ts'

const TIMES = 50

export async function raceAddressChange(rounds: number, { server, second }: TwoProcesses): Promise<void> {
  const { findAccountByEmail, findAccount } = await import('../../../server/accounts/account.store.ts')
  const { askAddressChange } = await import('../../../server/own-account/address-change.ts')
  const { addressChangeToken, findAddressChangeOf } = await import('../../../server/accounts/address-change.store.ts')
  const { readerOf } = await import('../../support/letters.ts')
  const { maria, sam } = server.cast
  const idOf = async (email: string) => (await findAccountByEmail(email))!.id
  const [marias, sams] = [await idOf(maria.email), await idOf(sam.email)]
  const emailOf = async (id: string) => (await findAccount(id))!.email
  let [mine, theirs] = [await signedIn(server, maria), await signedIn(server, sam)]
  for (let round = 1; round <= rounds; round++) {
    await letCodesCountAgain(server)
    await server.sql(`DELETE FROM security_links`)
    await freshen()
    const before = await events('address.changed', marias)
    const change = await ask(maria.email, `round.${round}@new.example`)
    const paths = { new: confirmPath(change), old: `${watchPath(change)}/confirm` }
    const token = await mine.tokenOn(confirmPath(change))
    // Both links at one moment, half of the requests each.
    const answers = await fifty((index) =>
      post(onAnother(index % 4 < 2 ? server : second, mine), index % 2 ? paths.new : paths.old, token),
    )
    for (const { status } of answers) assert.equal(status, 303)
    const won = (location: string) => answers.filter((answer) => answer.location === location).length
    assert.equal(won('/account?done=address-confirmed'), 1, 'one confirmation that waits for the other')
    assert.equal(won('/account?done=address-changed'), 1, 'one that changes')
    assert.equal(await emailOf(marias), change.newEmail)
    assert.equal(await events('address.changed', marias), before + 1)
    await twoWantTheSame(round)
    mine = await signedIn(server, { ...maria, email: change.newEmail })
    theirs = await signedIn(server, sam)
    await takeBack(change)
    assert.equal(await emailOf(marias), maria.email)
    assert.equal((await mine.ask('/messages')).status, 303, 'taking back signs everybody out')
    await letCodesCountAgain(server)
    mine = await signedIn(server, maria)
  }
  assert.equal(await open(), 0)

  /** Maria’s and Sam’s changes to one address, confirmed at one moment: one of them gets it. */
  async function twoWantTheSame(round: number) {
    const email = `wanted.${round}@new.example`
    const [one, other] = [await ask(await emailOf(marias), email), await ask(sam.email, email)]
    const tokens = [await mine.tokenOn('/account'), await theirs.tokenOn('/account')]
    await Promise.all([
      post(mine, `${watchPath(one)}/confirm`, tokens[0]!),
      post(theirs, `${watchPath(other)}/confirm`, tokens[1]!),
    ])
    const answers = await fifty((index) =>
      index % 2
        ? post(onAnother(index % 4 < 2 ? server : second, mine), confirmPath(one), tokens[0]!)
        : post(onAnother(index % 4 < 2 ? server : second, theirs), confirmPath(other), tokens[1]!),
    )
    assert.equal(answers.filter(({ location }) => location === '/account?done=address-changed').length, 1)
    for (const { status } of answers) assert.ok([303, 404, 409].includes(status), String(status))
    const owners = [await emailOf(marias), await emailOf(sams)].filter((each) => each === email)
    assert.equal(owners.length, 1)
    const won = owners[0] === (await emailOf(marias)) ? one : other
    await takeBack(won)
    mine = await signedIn(server, { ...maria, email: await emailOf(marias) })
    theirs = await signedIn(server, sam)
    assert.equal(await emailOf(sams), sam.email)
  }

  async function takeBack(change: AddressChange) {
    const before = await events('address.change-cancelled', change.accountId)
    const nobody = new Visitor(server)
    const token = await nobody.tokenOn(watchPath(change))
    const answers = await fifty((index) =>
      post(onAnother(index % 2 ? server : second, nobody), `${watchPath(change)}/stop`, token),
    )
    assert.equal(answers.filter(({ status }) => status === 200).length, 1, 'one takes it back')
    for (const { status } of answers) assert.ok([200, 404].includes(status), String(status))
    assert.equal(await events('address.change-cancelled', change.accountId), before + 1)
  }

  async function ask(owner: string, email: string): Promise<AddressChange> {
    const reader = await readerOf(owner)
    await askAddressChange(reader, email)
    return (await findAddressChangeOf(reader.account.id, new Date()))!
  }

  function confirmPath({ id }: AddressChange) {
    return `/account/address/confirm/${addressChangeToken(id, 'new')}`
  }

  function watchPath({ id }: AddressChange) {
    return `/address-change/${addressChangeToken(id, 'old')}`
  }

  async function events(act: string, subject: string): Promise<number> {
    return count(
      `SELECT count(*)::int AS many FROM access_events WHERE act = $1 AND subject_id = $2 AND outcome = 'done'`,
      [act, subject],
    )
  }

  function open(): Promise<number> {
    return count(
      `SELECT count(*)::int AS many FROM address_changes WHERE changed_at IS NULL AND cancelled_at IS NULL AND ends_at > now()`,
    )
  }

  async function count(sql: string, values: unknown[] = []): Promise<number> {
    return (await server.sql<{ many: number }>(sql, values))[0]!.many
  }

  /** Nobody's session gets old in a long race. */
  async function freshen() {
    const now = Date.now()
    await changeSessions(server, { provedAt: now, seenAt: now, startedAt: now })
  }
}

const fifty = (ask: (index: number) => Promise<Answer>) =>
  Promise.all(Array.from({ length: TIMES }, (_, index) => ask(index)))

const post = (visitor: Visitor, path: string, token: string) =>
  visitor.ask(path, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ _csrf: token }).toString(),
  })
