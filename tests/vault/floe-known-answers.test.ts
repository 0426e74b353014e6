import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, it } from 'node:test'
import { projectRoot } from '../../server/lib/root.ts'
import { sealWhole, unsealEnvelope, unsealingStream, unsealWhole } from '../../server/vault/floe.ts'
import { countingBytes, fixedRandom } from '../known-answers/fixed-random.ts'

interface Answer {
  name: string
  segmentLength: number
  rotationMask: number
  binding: string
  plaintextLength: number
  random: string
  envelope?: string
  sha256?: string
}

const file = JSON.parse(readFileSync(join(projectRoot, 'tests/known-answers/floe.json'), 'utf8')) as {
  key: string
  cases: Answer[]
}
const key = Buffer.from(file.key, 'hex')

describe('Our own known answers of FLOE', () => {
  for (const answer of file.cases) {
    it(`stay as they are: ${answer.name}`, async () => {
      const { binding, segmentLength, rotationMask, envelope } = answer
      const plaintext = countingBytes(answer.plaintextLength)
      const bound = Buffer.from(binding)
      const made = sealWhole({ segmentLength, rotationMask }, key, bound, plaintext, fixedRandom(answer.random))
      if (envelope) assert.equal(made.toString('base64'), envelope)
      else assert.equal(createHash('sha256').update(made).digest('hex'), answer.sha256)

      if (segmentLength < 4096) {
        assert.ok(unsealWhole({ segmentLength, rotationMask }, key, bound, made).equals(plaintext))
        return
      }
      assert.ok(unsealEnvelope(key, binding, made).equals(plaintext))
      const streamed = await Readable.from([made]).pipe(unsealingStream(key, binding)).toArray()
      assert.ok(Buffer.concat(streamed as Buffer[]).equals(plaintext))
    })
  }
})

describe('The known answers that FLOE publishes', () => {
  const folder = process.env.VECTORS_DIR && join(process.env.VECTORS_DIR, 'floe')
  const skip = folder ? false : 'VECTORS_DIR does not name a folder with the published vectors'
  const names = folder ? readdirSync(folder).filter((name) => name.endsWith('_ct.txt')) : []

  it('are there', { skip }, () => assert.ok(names.length > 0))

  for (const name of names) {
    it(`open: ${name}`, () => {
      const sealed = readHex(join(folder ?? '', name))
      const parameters = { segmentLength: sealed.readUInt32BE(2), rotationMask: name.includes('rotation') ? 2 : 20 }
      const clear = unsealWhole(parameters, Buffer.alloc(32), Buffer.from('This is AAD'), sealed)
      assert.ok(clear.equals(readHex(join(folder ?? '', name.replace('_ct', '_pt')))))
      if (parameters.segmentLength === 4096) {
        assert.ok(unsealEnvelope(Buffer.alloc(32), 'This is AAD', sealed).equals(clear))
      }
    })
  }
})

function readHex(path: string): Buffer {
  return Buffer.from(readFileSync(path, 'utf8').trim(), 'hex')
}
