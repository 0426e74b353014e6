/** What every provider of the master key keeps to, and what each has of its own. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { writeKeyFile } from '../../server/vault/key-file.ts'
import { keyProvider, type KeyProvider } from '../../server/vault/key-provider.ts'
import { makeMasterKey, MasterKeyProblem, readMasterKeyText } from '../../server/vault/master-key.ts'
import { freePort } from '../support/free-port.ts'
import { startTransit, type TransitService } from '../support/transit.ts'

const folder = mkdtempSync(join(tmpdir(), 'letterlock-keys-'))
let service: TransitService
before(async () => {
  service = await startTransit()
})
after(async () => {
  await service.stop()
  rmSync(folder, { recursive: true, force: true })
})

const newPath = () => join(mkdtempSync(join(folder, 'place-')), 'keys', 'master.key')
const transit = (path: string, more: { token?: string; address?: string; key?: string } = {}) =>
  keyProvider({
    provider: 'transit',
    path,
    address: service.address,
    mount: 'transit',
    key: service.key,
    token: service.token,
    ...more,
  })

/** Opens the same place again, as another process does. */
const WRITABLE: Record<string, (path: string) => KeyProvider> = {
  file: (path) => keyProvider({ provider: 'file', path }),
  transit: (path) => transit(path),
}

for (const [name, at] of Object.entries(WRITABLE))
  describe(`The provider ${name} keeps to the contract`, () => {
    test('it has no version before one is made, and reading makes none', async () => {
      const path = newPath()
      assert.equal((await at(path).read()).size, 0)
      assert.equal(existsSync(path), false)
    })

    test('a version that was made is there for everybody, always the same, of 32 random bytes', async () => {
      const path = newPath()
      await at(path).add(1)
      await at(path).add(2)
      const [first, again] = [await at(path).read(), await at(path).read()]
      assert.deepEqual([...first.keys()], [1, 2])
      assert.deepEqual(first, again)
      assert.deepEqual(
        [...first.values()].map(({ length }) => length),
        [32, 32],
      )
      assert.ok(!first.get(1)!.equals(first.get(2)!))
    })

    test('one that is there already stays as it is when it is asked for once more', async () => {
      const path = newPath()
      await at(path).add(1)
      const before = await at(path).read()
      await at(path).add(1)
      assert.deepEqual(await at(path).read(), before)
    })

    test('one is put back from its copy; another key of its number is refused and changes nothing', async () => {
      const path = newPath()
      const key = randomBytes(32)
      await at(path).putBack(7, key)
      await at(path).putBack(7, key)
      await assert.rejects(at(path).putBack(7, randomBytes(32)), (error: Error) => {
        assert.ok(error instanceof MasterKeyProblem)
        return /another key of version 7/.test(error.message)
      })
      assert.deepEqual(await at(path).read(), new Map([[7, key]]))
    })

    test('one that is retired is gone, the others are as they were, and asking again is no fault', async () => {
      const path = newPath()
      await at(path).add(1)
      await at(path).add(2)
      const second = (await at(path).read()).get(2)!
      await at(path).retire(1)
      await at(path).retire(1)
      assert.deepEqual(await at(path).read(), new Map([[2, second]]))
    })

    test('the only one is destroyed by nobody', async () => {
      const path = newPath()
      await at(path).add(1)
      const before = readFileSync(path, 'utf8')
      await assert.rejects(at(path).retire(1), (error: Error) => {
        assert.ok(error instanceof MasterKeyProblem)
        return /Version 1 is the only one .* It was not destroyed/.test(error.message)
      })
      assert.equal(readFileSync(path, 'utf8'), before)
      assert.equal((await at(path).read()).size, 1)
    })

    test('what rests here is for its owner only, whatever the umask is, also after a change', async () => {
      const path = newPath()
      const before = process.umask(0)
      await at(path).add(1)
      await at(path).add(2)
      await at(path).retire(1)
      process.umask(before)
      assert.equal(statSync(path).mode & 0o777, 0o600)
      assert.equal(statSync(join(path, '..')).mode & 0o777, 0o700)
      assert.deepEqual(readdirSync(join(path, '..')), ['master.key'])
    })

    test('garbage in its place is refused, neither repeated nor written over', async () => {
      const path = newPath()
      mkdirSync(join(path, '..'))
      writeFileSync(path, 'hunter2-hunter2\n')
      for (const wrong of [at(path).read(), at(path).add(1), at(path).retire(1), at(path).putBack(1, randomBytes(32))])
        await assert.rejects(wrong, (error: Error) => {
          assert.ok(error instanceof MasterKeyProblem, error.stack)
          return !error.message.includes('hunter2')
        })
      assert.equal(readFileSync(path, 'utf8'), 'hunter2-hunter2\n')
    })

    test('a half-written file of somebody who was killed is no hindrance', async () => {
      const path = newPath()
      await at(path).add(1)
      const before = await at(path).read()
      writeFileSync(`${path}.new`, '2:AAAA')
      assert.deepEqual(await at(path).read(), before)
      await at(path).add(2)
      assert.deepEqual((await at(path).read()).get(1), before.get(1))
    })

    test('it says where it is, and no secret', async () => {
      const path = newPath()
      await at(path).add(1)
      const { place } = at(path)
      assert.ok(place.includes(path))
      for (const secret of [service.token, (await at(path).read()).get(1)!.toString('base64url')])
        assert.ok(!place.includes(secret))
    })
  })

describe('The provider env keeps to the contract as far as a setting can', () => {
  const text = `${makeMasterKey(1)} ${makeMasterKey(2)}`
  const provider = keyProvider({ provider: 'env', text })

  test('it has what the setting holds', async () => {
    assert.deepEqual(await provider.read(), readMasterKeyText(text))
    await provider.add(2)
    await provider.putBack(1, readMasterKeyText(text).get(1)!)
    await provider.retire(7)
  })

  test('the only one it has nobody take out', async () => {
    const alone = keyProvider({ provider: 'env', text: makeMasterKey(3) })
    await assert.rejects(alone.retire(3), /Version 3 is the only one .* It was not destroyed/)
  })

  test('what it cannot do it says, with everything that the operator has to do, and no key', async () => {
    for (const [asked, sentence] of [
      [provider.add(3), /make-master-key -- 3.*behind the one that is there.*start every server again.*ask again/],
      [provider.retire(1), /Take the line that begins with 1: out of it wherever it stands, start every server again/],
      [provider.putBack(9, randomBytes(32)), /Set MASTER_KEY_PROVIDER=file and MASTER_KEY_FILE/],
      [provider.putBack(1, randomBytes(32)), /another key of version 1/],
    ] as const)
      await assert.rejects(asked, (error: Error) => {
        assert.ok(error instanceof MasterKeyProblem)
        assert.match(error.message, sentence)
        return !text.split(' ').some((line) => error.message.includes(line.slice(2)))
      })
  })
})

describe("The master key's file", () => {
  test('keeps its owner and its rights when it is replaced, and what was in it is written over', async () => {
    const path = newPath()
    const provider = WRITABLE['file']!(path)
    await provider.add(1)
    await provider.add(2)
    chmodSync(path, 0o400)
    if (process.getuid?.() === 0) (await import('node:fs')).chownSync(path, 65534, 65534)
    const owner = statSync(path).uid
    // A second name for the same bytes on the disk, by which they can still be looked at.
    linkSync(path, `${path}.old-bytes`)
    await provider.retire(1)
    assert.equal(statSync(path).mode & 0o777, 0o400)
    assert.equal(statSync(path).uid, owner)
    assert.match(readFileSync(`${path}.old-bytes`, 'latin1'), /^\0+$/)
    assert.deepEqual([...(await provider.read()).keys()], [2])
  })

  test('where it cannot be written the sentence says what it needs, and it is as it was', async () => {
    const path = newPath()
    const provider = WRITABLE['file']!(path)
    await provider.add(1)
    const before = readFileSync(path, 'utf8')
    // A folder in the way of the file that would take its place: also root cannot write over that.
    mkdirSync(`${path}.new`)
    writeFileSync(join(`${path}.new`, 'in-the-way'), '')
    await assert.rejects(provider.add(2), /cannot be written \(\w+\): .*It is as it was\. It has to lie in a folder/)
    assert.equal(readFileSync(path, 'utf8'), before)
  })
})

describe('A file that was replaced before something failed', () => {
  test('is said to be replaced', () => {
    const folder = join(newPath(), '..')
    mkdirSync(folder, { recursive: true })
    const path = join(folder, 'master.key')
    // Of which no disk can be asked to keep anything: what fails is what comes behind the renaming.
    execFileSync('mkfifo', [path])
    const text = `${makeMasterKey(1)}\n`
    assert.throws(
      () => writeKeyFile(path, text),
      (error: Error) => {
        assert.ok(error instanceof MasterKeyProblem)
        assert.doesNotMatch(error.message, /It is as it was/)
        return /was replaced, and is whole, but something failed behind that \(EINVAL\)/.test(error.message)
      },
    )
    assert.equal(readFileSync(path, 'utf8'), text)
  })
})

describe('what is left of a run that was killed', () => {
  test('is written over before it is removed', async () => {
    const path = newPath()
    const provider = WRITABLE['file']!(path)
    await provider.add(1)
    writeFileSync(`${path}.new`, readFileSync(path, 'utf8') + makeMasterKey(2), { mode: 0o400 })
    const left = openSync(`${path}.new`, 'r')
    await provider.add(2)
    assert.match(readFileSync(left, 'latin1'), /^\0+$/)
    closeSync(left)
    assert.deepEqual(readdirSync(join(path, '..')), ['master.key'])
  })

  test("where it is the first key's second name, the key is not written over", async () => {
    const path = newPath()
    await WRITABLE['file']!(path).add(1)
    const before = readFileSync(path, 'utf8')
    linkSync(path, `${path}.new`)
    // Behind the removal it goes no further.
    assert.throws(() => writeKeyFile(path, undefined as unknown as string), /It is as it was/)
    assert.equal(readFileSync(path, 'utf8'), before)
    assert.deepEqual(readdirSync(join(path, '..')), ['master.key'])
  })
})

describe('The key service', () => {
  test('here rests only what it wrapped: without it, or under another of its keys, the file opens nothing', async () => {
    const path = newPath()
    await transit(path).add(1)
    const key = (await transit(path).read()).get(1)!
    const kept = readFileSync(path)
    assert.match(kept.toString(), /^1:vault:v\d+:[A-Za-z0-9+/=]+\n$/)
    for (const form of ['base64', 'base64url', 'hex', 'latin1'] as const)
      assert.ok(!kept.includes(Buffer.from(key.toString(form))))
    const other = await startTransit()
    try {
      const moved = transit(path, { address: other.address, token: other.token })
      await assert.rejects(moved.read(), /refused to decrypt with key letterlock: (cipher: message|invalid ciphertext)/)
    } finally {
      await other.stop()
    }
  })

  test('after a version was destroyed its copy opens nowhere, also not at the service', async () => {
    const path = newPath()
    await transit(path).add(1)
    await transit(path).add(2)
    copyFileSync(path, `${path}.copy`)
    await transit(path).retire(1)
    assert.equal((await transit(path).read()).size, 1)
    await assert.rejects(transit(`${path}.copy`).read(), /disallowed by policy \(too old\)/)
  })

  test('without the right to destroy its earlier versions it says so, and everything is as it was', async () => {
    const path = newPath()
    await transit(path).add(1)
    await transit(path).add(2)
    const before = await transit(path).read()
    service.state.mayManage = false
    await assert.rejects(
      transit(path).retire(1),
      /does not let TRANSIT_TOKEN do this: transit\/keys\/letterlock\/rotate/,
    )
    service.state.mayManage = true
    assert.deepEqual(await transit(path).read(), before)
    await transit(path).retire(1)
    assert.equal((await transit(path).read()).size, 1)
  })

  test('cut off while it destroys, it opens what stays, and goes on when it is asked again', async () => {
    const path = newPath()
    await transit(path).add(1)
    await transit(path).add(2)
    copyFileSync(path, `${path}.copy`)
    const stays = (await transit(path).read()).get(2)!
    service.state.failAt = 'config'
    await assert.rejects(
      transit(path).retire(1),
      /does not let TRANSIT_TOKEN do this: transit\/keys\/letterlock\/config/,
    )
    assert.deepEqual(await transit(path).read(), new Map([[2, stays]]))
    service.state.failAt = ''
    await transit(path).retire(1)
    assert.deepEqual(await transit(path).read(), new Map([[2, stays]]))
    await assert.rejects(transit(`${path}.copy`).read(), /disallowed by policy \(too old\)/)
  })

  test('what it wraps anew is tried before its earlier versions go: where it gives another key, nothing was changed', async () => {
    const path = newPath()
    await transit(path).add(1)
    await transit(path).add(2)
    const [file, keys] = [readFileSync(path, 'utf8'), await transit(path).read()]
    service.state.rewrapsWrong = true
    await assert.rejects(
      transit(path).retire(1),
      /does not give the same key any more \(version 2 of the master key\)\. Nothing was changed here/,
    )
    service.state.rewrapsWrong = false
    assert.equal(readFileSync(path, 'utf8'), file)
    assert.deepEqual(await transit(path).read(), keys)
  })

  test('asked again after the file was put back from its copy, it destroys nothing that this file needs', async () => {
    const path = newPath()
    await transit(path).add(1)
    await transit(path).add(2)
    const stays = (await transit(path).read()).get(2)!
    service.state.failAt = 'config'
    await assert.rejects(transit(path).retire(1))
    service.state.failAt = ''
    const [line] = readFileSync(path, 'utf8').split('\n')
    const damaged = line!.replace(/.{6}$/, 'AAAAA=')
    writeFileSync(path, `${damaged}\n`)
    const asked = service.asked.length
    await assert.rejects(transit(path).retire(1), /refused to decrypt/)
    assert.ok(!service.asked.slice(asked).some((each) => /config|trim/.test(each.path)))
    writeFileSync(path, `${line}\n`)
    await transit(path).retire(1)
    assert.deepEqual(await transit(path).read(), new Map([[2, stays]]))
  })

  test('every way in which it can be away or refuse is a sentence of its own, without a secret', async () => {
    const path = newPath()
    await transit(path).add(1)
    const refused = async (provider: KeyProvider, sentence: RegExp) =>
      assert.rejects(provider.read(), (error: Error) => {
        assert.ok(error instanceof MasterKeyProblem)
        assert.match(error.message, sentence)
        return (
          !error.message.includes(service.token) && !error.message.includes(readFileSync(path, 'utf8').slice(2).trim())
        )
      })
    await refused(
      transit(path, { token: 'hvs.another' }),
      /does not let TRANSIT_TOKEN do this: transit\/decrypt\/letterlock/,
    )
    await refused(transit(path, { key: 'unknown' }), /refused to decrypt with key unknown: encryption key not found/)
    service.state.sealed = true
    await refused(transit(path), /is sealed or not ready/)
    service.state.sealed = false
    await refused(
      transit(path, { address: `http://127.0.0.1:${await freePort()}` }),
      /gives no answer that can be used \(ECONNREFUSED\)/,
    )
    service.state.silent = true
    await refused(transit(path), /none within 10 seconds/)
    service.state.silent = false
    assert.equal((await transit(path).read()).size, 1)
  })

  test('the token goes to no other address, whoever says that it should', async () => {
    const { createServer } = await import('node:http')
    const seen: unknown[] = []
    const elsewhere = createServer((request, response) => {
      seen.push(request.headers)
      response.end('{}')
    })
    await new Promise<void>((done) => elsewhere.listen(0, '127.0.0.1', done))
    const to = (elsewhere.address() as { port: number }).port
    const bending = createServer((_, response) =>
      response.writeHead(307, { Location: `http://127.0.0.1:${to}/` }).end(),
    )
    await new Promise<void>((done) => bending.listen(0, '127.0.0.1', done))
    const address = `http://127.0.0.1:${(bending.address() as { port: number }).port}`
    await assert.rejects(transit(newPath(), { address }).add(1), /gives no answer that can be used/)
    assert.deepEqual(seen, [])
    for (const each of [elsewhere, bending]) {
      each.closeAllConnections()
      each.close()
    }
  })
})
