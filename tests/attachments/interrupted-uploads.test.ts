import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { configureFileStore } from '../../server/attachments/file-store.ts'
import { folderStore } from '../../server/attachments/folder-store.ts'
import { readSealedWhole } from '../../server/attachments/sealed-files.ts'

const PROGRAM = fileURLToPath(new URL('./endless-uploads.js', import.meta.url))
const MARK = 'plaintext-canary-7f3a;'
const key = randomBytes(32)
let top: string

before(async () => {
  top = await mkdtemp(join(tmpdir(), 'letterlock-killed-'))
})

after(() => rm(top, { recursive: true, force: true }))

describe('Temp dir scan during uploads with SIGKILL -> no plaintext', () => {
  it('neither in the data folder, nor in the temporary one, nor where the program ran', async () => {
    const data = join(top, 'data')
    const folders = ['data', 'temporary', 'here'].map((name) => join(top, name))
    for (const folder of folders) await mkdir(folder)
    const store = folderStore(data)
    configureFileStore(store)
    let halves = 0
    let whole = 0

    for (const milliseconds of [150, 300, 450, 600, 750]) {
      const child = spawn(process.execPath, [PROGRAM, data, key.toString('hex'), MARK], {
        cwd: join(top, 'here'),
        env: { TMPDIR: join(top, 'temporary') },
        stdio: 'ignore',
      })
      const ended = once(child, 'exit')
      while (child.exitCode === null && (await filesIn(data)).length === 0) await wait(5)
      await wait(milliseconds)
      await assertNoMark(top)
      child.kill('SIGKILL')
      await ended
      await assertNoMark(top)

      const names = await filesIn(data)
      halves += names.filter((name) => name.endsWith('.part')).length
      for (const name of names.filter((name) => !name.endsWith('.part'))) {
        // What has its name is whole: it was flushed before it was renamed.
        const id = name.slice(-36)
        const content = await readSealedWhole(id, `attachment/${id}`, key)
        assert.equal(content.toString(), MARK.repeat(content.length / MARK.length))
        whole++
      }
      for await (const { name } of store.list()) await store.remove(name)
      await store.removeHalves(new Date())
      assert.deepEqual(await filesIn(data), [])
    }
    assert.ok(halves > 0 && whole > 0, `${halves} halves, ${whole} whole`)
    assert.deepEqual(await filesIn(join(top, 'temporary')), [])
    assert.deepEqual(await filesIn(join(top, 'here')), [])
  })
})

async function assertNoMark(folder: string): Promise<void> {
  for (const path of await filesIn(folder)) {
    // It may have been renamed meanwhile.
    const bytes = await readFile(path).catch(() => undefined)
    assert.ok(!bytes?.includes('plaintext-canary'), path)
  }
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}
