import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import { NotScanned, scan } from '../../server/attachments/clamd.ts'
import { EICAR, noClamd, standIn, startClamd, type Clamd } from '../support/clamd.ts'

const streamOf = (...chunks: Buffer[]) => Readable.from(chunks)

describe('90. EICAR, with a real clamd', { skip: noClamd }, () => {
  let clamd: Clamd
  before(async () => {
    clamd = await startClamd()
  })
  after(() => clamd?.stop())
  const at = () => ({ path: clamd.socket })

  test('is malware, alone and inside of more; anything else is clean, also nothing at all', async () => {
    assert.equal(await scan(at(), streamOf(EICAR)), 'malware')
    assert.equal(await scan(at(), streamOf(EICAR.subarray(0, 20), EICAR.subarray(20))), 'malware')
    assert.equal(await scan(at(), streamOf(Buffer.alloc(3_000_000, 'harmless '))), 'clean')
    assert.equal(await scan(at(), streamOf()), 'clean')
  })

  test('a file that is more than it takes is not scanned, and so is not clean', async () => {
    const more = () => Readable.from(Array.from({ length: 12 }, () => Buffer.alloc(1024 * 1024, 1)))
    await assert.rejects(scan(at(), more()), NotScanned)
    assert.equal(await scan(at(), streamOf(Buffer.from('the next one'))), 'clean')
  })
})

describe('91. Scanner dead/slow/lies mid-stream -> never silently passed', () => {
  const whole = (answer: string) => (connection: Socket) => {
    let last = Buffer.alloc(0)
    connection.on('data', (piece: Buffer) => {
      last = Buffer.concat([last, piece]).subarray(-4)
      if (last.equals(Buffer.alloc(4))) connection.end(answer)
    })
  }
  const wrong: Record<string, [(connection: Socket) => void, string]> = {
    'it says OK before it has the file': [(connection) => connection.write('stream: OK\0'), 'too-early'],
    'it hangs up at once': [(connection) => connection.destroy(), 'away|broke-off|no-answer'],
    'it hangs up in the middle': [
      (connection) => connection.once('data', () => connection.destroy()),
      'away|broke-off|no-answer',
    ],
    'it says nothing at all': [whole(''), 'no-answer'],
    'it says an error': [whole('INSTREAM size limit exceeded. ERROR\0'), 'no-answer'],
    'it says OK and something else': [whole('stream: OK\0stream: Bad FOUND\0'), 'no-answer'],
    'it says OK of something else': [whole('other: OK\0'), 'no-answer'],
    'it says half of OK': [whole('stream: O'), 'no-answer'],
    'it says that it did not look at everything': [
      whole('stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND\0'),
      'no-answer',
    ],
    'it talks on and on': [whole('x'.repeat(100_000)), 'too-much|no-answer'],
    'it takes the file and never answers': [(connection) => void connection.resume(), 'too-slow'],
    'it does not take the file': [() => {}, 'too-slow'],
  }
  for (const [name, [answer, code]] of Object.entries(wrong))
    test(name, async () => {
      const server = await standIn(answer)
      // Endless, where the answer must come first.
      const source = code === 'too-early' ? new Readable({ read() {} }) : streamOf(Buffer.alloc(20_000_000, 1))
      try {
        const failure = await scan({ host: '127.0.0.1', port: server.port }, source, 700).catch(
          (error: unknown) => error,
        )
        assert.ok(failure instanceof NotScanned, String(failure))
        assert.match(failure.code, new RegExp(`^(${code})$`))
        assert.ok(source.destroyed)
      } finally {
        await server.stop()
      }
    })

  test('it is not there', async () => {
    await assert.rejects(scan({ host: '127.0.0.1', port: 9 }, streamOf(EICAR)), NotScanned)
    await assert.rejects(scan({ path: '/nowhere/clamd.sock' }, streamOf(EICAR)), NotScanned)
  })

  test('a file that breaks off is not scanned, and its own error is told', async () => {
    const server = await standIn(whole('stream: OK\0'))
    const broken = Readable.from(
      (async function* () {
        yield Buffer.alloc(10)
        await Promise.resolve()
        throw new Error('not as sealed')
      })(),
    )
    await assert.rejects(scan({ host: '127.0.0.1', port: server.port }, broken), /not as sealed/)
    await server.stop()
  })
})
