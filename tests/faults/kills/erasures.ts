/** Erasures in whose middle the server is killed: what was said to be erased stays so, what is erased is so whole, and its neighbour opens. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { everybodyIn, textFile, writeTo } from '../../support/letters.ts'
import { signedIn } from '../../support/visitor.ts'
import { aMoment, killIn, newWord, nothingClear, onKillGround } from './killing.ts'

/** Every second message is taken back by its sender, the others are erased by an administrator. @returns what was seen, for the record */
export function killErasures(rounds: number): Promise<string> {
  return onKillGround(async ({ server, temporary }) => {
    const { dana, maria } = await everybodyIn(server, { dana: server.cast.dana, maria: server.cast.maria })
    const words: string[] = []
    async function newMessage() {
      const word = newWord()
      words.push(word)
      const files = [textFile(`${word}.txt`, `${word}\n`.repeat(2000))]
      const id = await writeTo(dana, { to: server.cast.maria.email, subject: word, body: `Text ${word}`, files })
      return { id, word }
    }
    const takeBack = async (id: string) => (await dana.submit('/help', `/messages/${id}/recall`, {})).status
    const erase = async (id: string) => {
      const path = `/admin/erasures/${id}/erase`
      const ada = await signedIn(server, server.cast.ada)
      return async () => (await ada.submit(path, path, { reason: 'A fictitious reason', word: 'ERASE' })).status
    }
    const timed = async (work: () => Promise<number>) => {
      const begun = performance.now()
      assert.equal(await work(), 303)
      return performance.now() - begun
    }
    const times = { takeBack: 0, erase: 0 }
    for (let count = 0; count < 2; count++) {
      const [first, second] = [await newMessage(), await newMessage()]
      times.takeBack = await timed(() => takeBack(first.id))
      times.erase = await timed(await erase(second.id))
    }
    const seen = { acknowledged: 0, unanswered: 0, untouched: 0 }
    for (let round = 0; round < rounds; round++) {
      const [doomed, neighbour] = [await newMessage(), await newMessage()]
      const [work, time] =
        round % 2 === 0 ? [() => takeBack(doomed.id), times.takeBack] : [await erase(doomed.id), times.erase]
      const answer = work().catch(() => undefined)
      await aMoment(time)
      await killIn(round, server)
      const acknowledged = (await answer) === 303
      await server.startAgain()
      const [state] = await server.sql<{ readable: boolean; rests: boolean; certified: boolean }>(
        `SELECT key_wrapped IS NOT NULL AS readable,
          body_sealed IS NOT NULL OR EXISTS (SELECT FROM attachments WHERE message_id = $1) AS rests,
          EXISTS (SELECT FROM destruction_certificates WHERE message_id = $1) AS certified FROM messages WHERE id = $1`,
        [doomed.id],
      )
      const inLedger = readFileSync(join(server.dataDir, 'ledger'), 'utf8').includes(doomed.id)
      const { readable, rests, certified } = state!
      assert.deepEqual([rests, certified, inLedger], [readable, !readable, !readable], 'whole or not at all')
      assert.ok(!(acknowledged && readable), 'it was said to be erased')
      const page = await maria.ask(`/messages/${doomed.id}`)
      assert.equal(page.body.includes(`Text ${doomed.word}`), readable)
      assert.ok((await maria.ask(`/messages/${neighbour.id}`)).body.includes(`Text ${neighbour.word}`), 'its neighbour')
      nothingClear([doomed.word, neighbour.word], [join(server.dataDir, 'files'), temporary])
      seen[acknowledged ? 'acknowledged' : readable ? 'untouched' : 'unanswered'] += 1
    }
    assert.deepEqual(await server.sql(`SELECT 1 FROM access_events WHERE act = 'database.older'`), [])
    nothingClear(words, [server.dataDir, temporary])
    return `${seen.acknowledged} acknowledged and erased, ${seen.unanswered} erased without an answer, ${seen.untouched} as before`
  })
}
