/**
 * Thread keys by the thousand in a running Letterlock of this process, read and made anew by the product's own code while somebody rotates the master
 * key. For the short form in the tests and the long one in bench/rotation.ts.
 */
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { setImmediate as breathe } from 'node:timers/promises'
import type { Reader } from '../../server/sign-in/reader.ts'
import type { TestServer } from '../support/server.ts'

export interface ManyWraps {
  /** Opens and makes wraps until it is stopped; a wrap to a public half is replaced by the quicker one, as in a session. */
  readMeanwhile(): { stop(): Promise<{ opened: number; made: number }> }
  /** @throws AssertionError when one does not open, or opens to another key */
  checkAll(): Promise<number>
}

export async function makeManyWraps(server: TestServer, count: number): Promise<ManyWraps> {
  const { makeMailbox } = await import('../../server/accounts/mailbox-key.ts')
  const { inTransaction } = await import('../../server/database/connection.ts')
  const { newId } = await import('../../server/lib/ids.ts')
  const { bindingOf, makeThreadKey, openThreadKey, unwrapThreadKey } =
    await import('../../server/messages/thread-key.ts')
  const { insertThreadKeyWraps, listThreadKeyWraps, listWrapsOf } =
    await import('../../server/messages/thread-key.store.ts')
  const { hpkeSeal } = await import('../../server/vault/hpke.ts')
  const { newKey, wrapUnderMaster } = await import('../../server/vault/wrap.ts')
  const [thread] = await server.sql<{ id: string }>('SELECT id FROM threads LIMIT 1')
  const mailbox = await inTransaction((transaction) => makeMailbox('system', new Date(), transaction))
  const reader = { mailboxes: [mailbox], pairOf: async () => mailbox } as unknown as Reader
  const keys = new Map<string, Buffer>()
  const ids: string[] = []

  async function make(howMany: number) {
    const made = await inTransaction(async (transaction) => {
      const all = []
      for (let each = 0; each < howMany; each++)
        all.push(await makeThreadKey(thread!.id, [mailbox], new Date(), transaction))
      return all
    })
    for (const { id, key } of made) {
      keys.set(id, key)
      ids.push(id)
    }
  }

  async function openOne(id: string) {
    const [wrap] = await listWrapsOf(id)
    assert.ok(wrap, `${id} is gone`)
    assert.deepEqual(await openThreadKey(reader, wrap), keys.get(id), id)
  }

  /** The same rows, by the hundred. */
  async function makeAtOnce(howMany: number) {
    const made = Array.from({ length: howMany }, () => ({ id: newId(), key: newKey() }))
    await server.sql('INSERT INTO thread_keys SELECT id, $2, now() FROM unnest($1::uuid[]) AS made(id)', [
      made.map(({ id }) => id),
      thread!.id,
    ])
    const rows = made.map(({ id, key }) => {
      const wrap = {
        threadKeyId: id,
        mailboxId: mailbox.id,
        mailboxVersion: mailbox.version,
        kind: 'public' as const,
        sharedAt: null,
      }
      return { ...wrap, wrap: wrapUnderMaster(bindingOf(wrap), hpkeSeal(mailbox.publicKey, bindingOf(wrap), key)) }
    })
    await insertThreadKeyWraps(rows)
    for (const { id, key } of made) {
      keys.set(id, key)
      ids.push(id)
    }
  }

  for (let left = count; left > 0; left -= 500) await makeAtOnce(Math.min(500, left))

  return {
    readMeanwhile() {
      let stopping = false
      let opened = 0
      let made = 0
      const readers = Array.from({ length: 4 }, async () => {
        while (!stopping) {
          await openOne(ids[randomInt(ids.length)]!)
          opened++
        }
      })
      const writer = (async () => {
        while (!stopping) {
          await make(3)
          made += 3
          await breathe()
        }
      })()
      return {
        async stop() {
          stopping = true
          await Promise.all([...readers, writer])
          return { opened, made }
        },
      }
    },
    async checkAll() {
      for (let at = 0; at < ids.length; at += 500) {
        const some = ids.slice(at, at + 500)
        const found = await listThreadKeyWraps(reader, some)
        assert.equal(found.length, some.length)
        for (const wrap of found) assert.deepEqual(unwrapThreadKey(mailbox, wrap), keys.get(wrap.threadKeyId))
      }
      return ids.length
    },
  }
}
