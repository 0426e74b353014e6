/** The photo that says where it was taken, on the pages on which it is sent. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { CAMERA, makeJpeg, makePhonePhoto } from '../support/files.ts'
import { answerTo, everybodyIn, idIn, writeTo } from '../support/letters.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { plain, type Visitor } from '../support/visitor.ts'

let server: TestServer
let dana: Visitor
let maria: Visitor
let message: string
const photo = { name: 'foot.jpg', type: 'image/jpeg', bytes: makePhonePhoto() }

before(async () => {
  server = await startTestServer()
  ;({ dana, maria } = await everybodyIn(server, { dana: server.cast.dana, maria: server.cast.maria }))
  message = await writeTo(dana, { to: server.cast.maria.email })
})
after(() => server.stop())

const valueOf = (name: string, body: string) => new RegExp(`name="${name}" value="([^"]+)"`).exec(body)?.[1]

async function fileOf(messageId: string): Promise<string> {
  return (await server.sql<{ id: string }>('SELECT id FROM attachments WHERE message_id = $1', [messageId]))[0]!.id
}

test('92. sender warned and offered removal: the clean photo goes, and no trace of the other is left', async () => {
  const warned = await answerTo(maria, message, { body: 'My foot' }, [photo])
  assert.equal(warned.status, 422)
  assert.match(plain(warned.body), /“foot\.jpg” says where it was taken/)
  assert.match(plain(warned.body), /Remove place and camera from this photo/)
  const told = valueOf('remove-place', warned.body)!
  const id = await fileOf(
    idIn(await answerTo(maria, message, { body: 'My foot', 'told-place': told, 'remove-place': told })),
  )
  assert.notEqual(id, told)
  assert.deepEqual(await server.sql('SELECT 1 FROM attachments WHERE id = $1', [told]), [])
  const { bytes, status } = await dana.ask(`/attachments/${id}/download`)
  assert.equal(status, 200)
  assert.ok(!bytes.includes(CAMERA))
  // The picture itself, and a few bytes that say which way is up.
  assert.equal(bytes.length, makeJpeg().length + 36)
})

test('71. left in, the original comes back byte for byte; its page and thumbnail are without GPS', async () => {
  const warned = await answerTo(maria, message, { body: 'As it is' }, [photo])
  const told = valueOf('told-place', warned.body)!
  const id = await fileOf(idIn(await answerTo(maria, message, { body: 'As it is', 'told-place': told })))
  assert.deepEqual((await dana.ask(`/attachments/${id}/download`)).bytes, photo.bytes)
  for (const picture of ['thumbnail', 'pages/1']) {
    const { bytes, headers } = await dana.ask(`/attachments/${id}/${picture}`)
    assert.equal(headers['content-type'], 'image/webp')
    assert.ok(!bytes.includes(CAMERA) && !bytes.includes('Exif'))
  }
})

test('who asks for name and size first, and then for the pages alone, has opened the file all the same', async () => {
  const warned = await answerTo(maria, message, { body: 'Once more' }, [photo])
  const told = valueOf('told-place', warned.body)!
  const id = await fileOf(idIn(await answerTo(maria, message, { body: 'Once more', 'told-place': told })))
  const receipts = () => server.sql('SELECT 1 AS there FROM attachment_receipts WHERE attachment_id = $1', [id])
  assert.equal((await dana.ask(`/attachments/${id}/download`, { method: 'HEAD' })).status, 200)
  assert.deepEqual(await receipts(), [])
  assert.equal((await dana.ask(`/attachments/${id}/pages/1`)).status, 200)
  assert.equal((await receipts()).length, 1)
})

test('on a new message too; nobody else’s photo is touched by a made-up id', async () => {
  const compose = { draft: '', to: server.cast.maria.email, subject: 'x', body: 'y', action: 'check' }
  const warned = await dana.upload('/messages/new', '/messages', compose, [photo])
  assert.equal(warned.status, 422)
  const draft = valueOf('draft', warned.body)!
  const id = valueOf('remove-place', warned.body)!
  await answerTo(maria, message, { body: 'x', 'remove-place': id, action: 'save' })
  assert.equal((await server.sql('SELECT 1 FROM attachments WHERE id = $1', [id])).length, 1)
  const cleaned = await dana.upload('/messages/new', '/messages', { ...compose, draft, 'remove-place': id })
  assert.equal(cleaned.location, `/drafts/${draft}/check`)
})
