/**
 * Asks clamd whether a stream holds malware, by its command INSTREAM: pieces with their length before them, then one line of answer. The bytes go
 * over a socket of this machine or of a private network, no faster than clamd takes them, and to no disk of ours. Only the one right answer to a
 * whole file lets it pass; everything else is no answer.
 */
import { connect, type NetConnectOpts } from 'node:net'
import { Transform, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ScannerSocket } from '../config.ts'

/** The scanner could not say: it is away, too slow, full, or answered what is no answer. */
export class NotScanned extends Error {
  override name = 'NotScanned'
  /** Why, for the log. */
  readonly code: string
  constructor(code: 'away' | 'too-slow' | 'too-early' | 'too-much' | 'broke-off' | 'no-answer') {
    super(code)
    this.code = code
  }
}

/** @param patience milliseconds in which something has to happen @throws NotScanned, and whatever `source` fails with */
export function scan(at: ScannerSocket, source: Readable, patience = 120_000): Promise<'clean' | 'malware'> {
  return new Promise((done, fail) => {
    const clamd = connect(at as NetConnectOpts)
    let answer = ''
    let isWhole = false
    const give = (error: Error) => {
      clamd.destroy()
      source.destroy()
      fail(error)
    }
    source.once('error', give)
    clamd.setTimeout(patience, () => give(new NotScanned('too-slow')))
    clamd.once('error', () => give(new NotScanned('away')))
    clamd.on('data', (piece: Buffer) => {
      answer += piece.toString('latin1')
      if (!isWhole) give(new NotScanned('too-early'))
      else if (answer.length > LONGEST_ANSWER) give(new NotScanned('too-much'))
    })
    clamd.once('close', () => {
      const verdict = isWhole ? verdictIn(answer) : undefined
      if (verdict) done(verdict)
      else give(new NotScanned('no-answer'))
    })
    clamd.write('zINSTREAM\0')
    // Not ended by us: clamd answers, and then closes.
    const sent = pipeline(source, inPieces(), clamd, { end: false })
    sent.then(
      () => (isWhole = true),
      () => give(new NotScanned('broke-off')),
    )
  })
}

const LONGEST_ANSWER = 4096
const LONGEST_PIECE = 1024 * 1024

function inPieces(): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      for (let at = 0; at < chunk.length; at += LONGEST_PIECE) {
        const piece = chunk.subarray(at, at + LONGEST_PIECE)
        this.push(lengthOf(piece))
        this.push(piece)
      }
      done()
    },
    flush: (done) => done(null, lengthOf(Buffer.alloc(0))),
  })
}

function lengthOf(piece: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(piece.length)
  return length
}

/** What it found names a rule of the scanner; those that say that it did not look at everything are no answer. */
function verdictIn(answer: string): 'clean' | 'malware' | undefined {
  if (answer === 'stream: OK\0') return 'clean'
  const [, found] = /^stream: ([^\0]+) FOUND\0$/.exec(answer) ?? []
  return found && !NOT_LOOKED_AT.test(found) ? 'malware' : undefined
}

const NOT_LOOKED_AT = /^Heuristics\.(Limits\.Exceeded|Encrypted)/
