import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { FileStore } from '../../server/attachments/file-store.ts'
import { folderStore } from '../../server/attachments/folder-store.ts'
import { newId } from '../../server/lib/ids.ts'
import { describeFileStore } from './file-store-contract.ts'

let top: string
let folder: string
let store: FileStore

before(async () => {
  top = await mkdtemp(join(tmpdir(), 'letterlock-folder-'))
  folder = join(top, 'files')
  store = folderStore(folder)
})
after(() => rm(top, { recursive: true, force: true }))

describeFileStore(
  'A folder',
  () => ({
    store,
    async held() {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true })
      const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name)
      const halves = names.filter((name) => name.endsWith('.part')).length
      return { whole: names.length - halves, halves }
    },
    async holding(names) {
      const other = await mkdtemp(join(top, 'many-'))
      for (const shelf of new Set(names.map((name) => name.slice(-2)))) await mkdir(join(other, shelf))
      for (const name of names) await writeFile(join(other, name.slice(-2), name), '')
      return folderStore(other)
    },
  }),
  3_000_000,
)

describe('A folder of files', () => {
  const shelf = () => join(folder, 'ab')
  const aDayAgo = new Date(Date.now() - 24 * 60 * 60_000)

  test('holds nothing before its first file, and what is not ours stays and does not show', async () => {
    await rm(folder, { recursive: true, force: true })
    for await (const { name } of store.list()) assert.fail(name)
    await store.removeHalves(new Date())
    await mkdir(shelf(), { recursive: true })
    await writeFile(join(shelf(), 'notes.txt'), 'not ours')
    await writeFile(join(folder, 'notes.txt'), 'not ours')
    for await (const { name } of store.list()) assert.fail(name)
    await store.removeHalves(new Date())
    assert.deepEqual(await readdir(shelf()), ['notes.txt'])
    await rm(folder, { recursive: true })
  })

  test('is not taken for empty when it cannot be read', async () => {
    await symlink(folder, folder)
    await assert.rejects(
      async () => {
        for await (const { name } of store.list()) assert.fail(name)
      },
      { code: 'ELOOP' },
    )
    await rm(folder)
  })

  test('halves that a killed process left show in no list and are taken away when they are old, and only then', async () => {
    await mkdir(shelf(), { recursive: true })
    const [old, young] = [`${newId()}.0a1b2c3d4e5f.part`, `${newId()}.0a1b2c3d4e5f.part`]
    await writeFile(join(shelf(), old), 'sealed half')
    await utimes(join(shelf(), old), aDayAgo, aDayAgo)
    await writeFile(join(shelf(), young), 'sealed half')
    for await (const { name } of store.list()) assert.fail(name)
    await store.removeHalves(new Date(Date.now() - 60_000))
    assert.deepEqual(await readdir(shelf()), [young])
    await rm(folder, { recursive: true })
  })
})
