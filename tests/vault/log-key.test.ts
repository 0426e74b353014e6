/** Signed notes as C2SP writes them: the published example of a verifier, what we sign, and what is refused. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import * as logKey from '../../server/vault/log-key.ts'
import { startTestServer, type TestServer } from '../support/server.ts'

let server: TestServer
before(async () => {
  server = await startTestServer()
})
after(() => server.stop())

const TEXT = 'A fictitious report\nof two lines\n'

test('the note of the Go package that first had this form is read, and no changed one (golang.org/x/mod/sumdb/note)', () => {
  const verifier = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
  const text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
  const signature = 'x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM='
  const note = `${text}\n\u2014 PeterNeumann ${signature}\n`
  assert.equal(logKey.readNote(note, verifier), text)
  assert.equal(logKey.readNote(note.replace('answer', 'Answer'), verifier), undefined)
})

test('a note is read by the verifier key of its own name, and by no other; a changed one by none', () => {
  const note = logKey.signNote('clinic.example/drill', TEXT)
  const verifier = logKey.verifierKey('clinic.example/drill')
  assert.equal(logKey.readNote(note, verifier), TEXT)
  assert.equal(logKey.readNote(note, logKey.verifierKey('clinic.example/other')), undefined)
  assert.equal(logKey.readNote(note.replace('drill', 'other'), logKey.verifierKey('clinic.example/other')), undefined)
  const bytes = Buffer.from(note)
  for (let place = 0; place < bytes.length; place++) {
    const changed = Buffer.from(bytes)
    changed[place] = changed[place]! ^ 1
    assert.equal(logKey.readNote(changed.toString(), verifier), undefined, `${place}`)
  }
  assert.throws(() => logKey.signNote('with space', TEXT), TypeError)
  assert.throws(() => logKey.signNote('clinic.example/drill', 'no end of line'), TypeError)
})

test('there is one in a database from before there was any, and it stays the same', async () => {
  const before = logKey.verifierKey('x')
  assert.equal((await server.sql(`SELECT FROM vault_keys WHERE name = 'log' AND public_half IS NOT NULL`)).length, 1)
  await logKey.openLogKey()
  assert.equal(logKey.verifierKey('x'), before)
})
