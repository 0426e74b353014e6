/** Backups in whose middle they, or the server and its PostgreSQL, are killed: what stands under the name is whole, and nothing clear is left. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { everybodyIn, textFile, writeTo } from '../../support/letters.ts'
import { beginScript, folderBeside, runScript } from '../../upkeep/operate.ts'
import { aMoment, killIn, newWord, nothingClear, onKillGround } from './killing.ts'

/** Two of three times the command is killed, the third time what it reads from. @returns what was seen, for the record */
export function killBackups(rounds: number): Promise<string> {
  return onKillGround(async ({ server, temporary }) => {
    const folder = folderBeside(server)
    const settings = { DATA_DIR: server.dataDir, TMPDIR: temporary }
    const { dana } = await everybodyIn(server, { dana: server.cast.dana })
    const words: string[] = []
    async function addMessage() {
      const word = newWord()
      words.push(word)
      const files = [textFile(`${word}.txt`, `${word}\n`.repeat(10_000))]
      await writeTo(dana, { to: server.cast.maria.email, subject: word, body: word, files })
    }
    const drill = async (file: string) => {
      const report = join(folder, 'report')
      const { code, said } = await runScript('restore-drill', [file, '--report', report, '--in', temporary], settings)
      assert.equal(code, 0, said)
      rmSync(report)
    }
    for (let count = 0; count < 5; count++) await addMessage()
    const begun = performance.now()
    const first = await runScript('backup', [join(folder, 'first')], settings)
    const time = performance.now() - begun
    assert.equal(first.code, 0, first.said)
    const seen = { whole: 0, absent: 0 }
    for (let round = 0; round < rounds; round++) {
      await addMessage()
      const file = join(folder, `round-${round}`)
      const { child, ended } = beginScript('backup', [file], settings)
      await aMoment(time)
      if (round % 3 < 2) child.kill('SIGKILL')
      else await killIn(round, server)
      const { code, said } = await ended
      if (round % 3 === 2) await server.startAgain()
      assert.ok(existsSync(file) || code !== 0, `it said that it was made: ${said}`)
      nothingClear(words, [folder, temporary])
      seen[existsSync(file) ? 'whole' : 'absent'] += 1
      // What stands under its name is whole, also when nobody was told; every one of them is restored and opened.
      if (existsSync(file)) await drill(file)
    }
    const last = join(folder, 'last')
    const { code, said } = await runScript('backup', [last], settings)
    assert.equal(code, 0, said)
    await drill(last)
    assert.deepEqual(
      readdirSync(folder).filter((name) => !/^(first|last|round-\d+)$/.test(name)),
      [],
      'what the killed ones left beside is gone',
    )
    nothingClear(words, [server.dataDir, folder, temporary])
    return `${seen.absent} left nothing under their name, ${seen.whole} were whole and opened`
  })
}
