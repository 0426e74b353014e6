/** Changes of the master key in whose middle they, or the server, are killed: everything opens at any moment, and asked again they end. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { everybodyIn, textFile, writeTo } from '../../support/letters.ts'
import { beginScript, runScript } from '../../upkeep/operate.ts'
import { aMoment, killIn, newWord, nothingClear, onKillGround } from './killing.ts'

const MESSAGES = 40

/** Two of three times the command is killed, the third time the server beside it. @returns what was seen, for the record */
export function killRotations(rounds: number): Promise<string> {
  return onKillGround(async ({ server, temporary }) => {
    const settings = { DATA_DIR: server.dataDir, TMPDIR: temporary, PORT: String(server.port) }
    const { dana, maria } = await everybodyIn(server, { dana: server.cast.dana, maria: server.cast.maria })
    const kept: { id: string; word: string }[] = []
    async function addMessage() {
      const word = newWord()
      const files = [textFile(`${word}.txt`, word)]
      kept.push({ word, id: await writeTo(dana, { to: server.cast.maria.email, subject: word, body: word, files }) })
    }
    async function opens({ id, word }: { id: string; word: string }) {
      const page = await maria.ask(`/messages/${id}`)
      assert.equal(page.status, 200)
      assert.ok(page.body.includes(word), `${id} does not open`)
      const file = /\/attachments\/([\w-]{36})\/download/.exec(page.body)![1]!
      assert.equal((await maria.ask(`/attachments/${file}/download`)).body, word)
    }
    const versions = () =>
      readFileSync(join(server.dataDir, 'master.key'), 'utf8')
        .trim()
        .split('\n')
        .map((line) => Number(line.split(':')[0]))
    for (let count = 0; count < MESSAGES; count++) await addMessage()
    const begun = performance.now()
    const first = await runScript('rotate-master-key', [], settings)
    const time = performance.now() - begun
    assert.equal(first.code, 0, first.said)
    const seen = { ended: 0, cut: 0 }
    for (let round = 0; round < rounds; round++) {
      const { child, ended } = beginScript('rotate-master-key', [], settings)
      const meanwhile = addMessage().catch(() => undefined)
      await aMoment(time)
      if (round % 3 < 2) child.kill('SIGKILL')
      else await killIn(round, server)
      const { code } = await ended
      await meanwhile
      if (round % 3 === 2) await server.startAgain()
      seen[code === 0 ? 'ended' : 'cut'] += 1
      for (const message of [kept[0]!, kept[(round * 7) % kept.length]!, kept.at(-1)!]) await opens(message)
      await addMessage()
      await opens(kept.at(-1)!)
    }
    const last = await runScript('rotate-master-key', [], settings)
    assert.equal(last.code, 0, last.said)
    assert.equal(versions().length, 1, 'only the newest version is left')
    for (const message of kept) await opens(message)
    await server.end()
    await server.startAgain()
    await opens(kept[0]!)
    nothingClear(['canary'], [server.dataDir, temporary])
    return `${seen.cut} were cut, ${seen.ended} ended; ${kept.length} messages opened afterwards, under version ${versions().join()}`
  })
}
