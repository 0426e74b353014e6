/** Uploads in whose middle the server is killed: what it said it has it has, the upload goes on from there, and no half of a file is anybody's. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { begun, finish, ROOM, sendPiece, senderOn, type Sender } from '../../attachments/pieces.ts'
import { answerTo, everybodyIn, idIn, replyFields, textFile, writeTo } from '../../support/letters.ts'
import type { Visitor } from '../../support/visitor.ts'
import { aMoment, killIn, newWord, nothingClear, onKillGround, type KillGround } from './killing.ts'

const SEGMENTS = 4

/** Every second round in pieces, the others as one form. @returns what was seen, for the record */
export function killUploads(rounds: number): Promise<string> {
  return onKillGround(async ({ server, temporary }) => {
    const { dana, maria } = await everybodyIn(server, { dana: server.cast.dana, maria: server.cast.maria })
    const message = await writeTo(dana, { to: server.cast.maria.email })
    const sender = await senderOn(maria, `/messages/${message}`, server.baseUrl)
    const people = { server, sender, dana, message }
    // Twice, because the first of all is slower: nobody is killed, it is looked how long they take.
    const times = { pieces: 0, form: 0 }
    for (let count = 0; count < 2; count++) {
      times.pieces = await timed(() => inPieces(people, newWord(), {}))
      times.form = await timed(() => asForm(people, newWord(), {}))
    }
    const seen = { begun: 0, whole: 0, sent: 0 }
    for (let round = 0; round < rounds; round++) {
      const word = newWord()
      const acknowledged: Acknowledged = {}
      const [upload, time] = round % 2 === 0 ? [inPieces, times.pieces] : [asForm, times.form]
      const going = upload(people, word, acknowledged).catch(() => undefined)
      await aMoment(time)
      await killIn(round, server)
      await going
      nothingClear([word], [join(server.dataDir, 'files'), temporary])
      await server.startAgain()
      await holdsWhatItSaid(people, word, acknowledged)
      for (const step of ['begun', 'whole', 'sent'] as const) seen[step] += acknowledged[step] ? 1 : 0
    }
    await everyFileOpens(server, dana)
    nothingClear(['canary'], [server.dataDir, temporary])
    return `acknowledged before the kill: ${seen.begun} begun, ${seen.whole} whole, ${seen.sent} sent`
  })
}

interface People {
  server: KillGround['server']
  sender: Sender
  dana: Visitor
  message: string
}

/** What the server said before it was killed. */
interface Acknowledged {
  begun?: string
  offset?: number
  whole?: boolean
  /** The reply that has the file. */
  sent?: string
}

const contentOf = (word: string) => Buffer.alloc(SEGMENTS * ROOM - 77, `${word}\n`)

async function timed(work: () => Promise<void>): Promise<number> {
  const begun = performance.now()
  await work()
  return performance.now() - begun
}

async function inPieces({ sender, message }: People, word: string, acknowledged: Acknowledged): Promise<void> {
  const bytes = contentOf(word)
  const id = await begun(sender, `${word}.txt`, bytes.length)
  acknowledged.begun = id
  await sendRest(sender, id, bytes, 0, acknowledged)
  acknowledged.sent = await replyWith(sender.visitor, message, id, word)
}

async function sendRest(sender: Sender, id: string, bytes: Buffer, from: number, acknowledged: Acknowledged) {
  for (let offset = from; offset < bytes.length; offset += ROOM) {
    const piece = bytes.subarray(offset, offset + ROOM)
    const answer = await sendPiece(sender, id, offset, piece)
    assert.equal(answer.status, 200, answer.body)
    acknowledged.offset = offset + piece.length
  }
  const finished = await finish(sender, id)
  assert.equal(finished.status, 200, finished.body)
  acknowledged.whole = true
}

async function replyWith(visitor: Visitor, message: string, uploaded: string, word: string): Promise<string> {
  const fields = { ...(await replyFields(visitor, message)), body: `Text ${word}`, action: 'send', uploaded }
  return idIn(await visitor.upload(`/messages/${message}`, `/messages/${message}/replies`, fields))
}

async function asForm({ sender, message }: People, word: string, acknowledged: Acknowledged): Promise<void> {
  const file = textFile(`${word}.txt`, contentOf(word).toString())
  acknowledged.sent = idIn(await answerTo(sender.visitor, message, { body: `Text ${word}` }, [file]))
}

/** After the next start: the file that was said to be kept is whole, the upload that was said to be begun goes on and becomes one. */
async function holdsWhatItSaid({ server, sender, dana, message }: People, word: string, acknowledged: Acknowledged) {
  const bytes = contentOf(word)
  const id = acknowledged.begun
  if (id && !acknowledged.sent) {
    const answer = await sender.visitor.ask(`/uploads/${id}`)
    // Kept in a message whose sending was not answered any more, it is no upload.
    if (answer.status === 200) {
      const { done, offset } = JSON.parse(answer.body) as { done: boolean; offset?: number }
      assert.ok(done || (!acknowledged.whole && offset! >= (acknowledged.offset ?? 0)), answer.body)
      // A finish that was under way when its process was killed counts as that for a minute.
      if (!done) await server.sql('UPDATE uploads SET finishing_until = NULL WHERE id = $1', [id])
      if (!done) await sendRest(sender, id, bytes, offset!, {})
      acknowledged = { ...acknowledged, sent: await replyWith(sender.visitor, message, id, word) }
    } else assert.ok(acknowledged.whole, `what was begun is not there: ${answer.status}`)
  }
  if (!acknowledged.sent) return
  const page = await dana.ask(`/messages/${acknowledged.sent}`)
  assert.equal(page.status, 200)
  const links = page.body.matchAll(new RegExp(`/attachments/([\\w-]{36})(?:(?!\\.txt)[^])*?${word}\\.txt`, 'g'))
  const ids = new Set([...links].map(([, id]) => id))
  assert.equal(ids.size, 1, 'the reply is there once, with its file')
  const file = await dana.ask(`/attachments/${[...ids][0]}/download`)
  assert.ok(file.bytes.equals(bytes), 'the file is whole')
}

async function everyFileOpens(server: KillGround['server'], reader: Visitor) {
  const rows = await server.sql<{ id: string }>(
    'SELECT id FROM attachments WHERE message_id IN (SELECT id FROM messages WHERE key_wrapped IS NOT NULL)',
  )
  for (const { id } of rows) {
    const { status } = await reader.ask(`/attachments/${id}/download`)
    // Not theirs, or whole.
    assert.ok(status === 200 || status === 404, `${id}: ${status}`)
  }
}
