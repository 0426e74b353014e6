/** Files through the real pages: what is taken, how it is named, how it leaves, and what is swept. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import { sweepUploads } from '../../server/attachments/sweep-uploads.job.ts'
import { newId } from '../../server/lib/ids.ts'
import { makeHugePng, makeJpeg, makePdf, makePhonePhoto, makePng, makeZip, CAMERA } from '../support/files.ts'
import { answerTo, everybodyIn, idIn, replyFields, writeTo } from '../support/letters.ts'
import { startTestServer, type TestServer } from '../support/server.ts'
import { plain, type Answer, type Visitor } from '../support/visitor.ts'

let server: TestServer
let dana: Visitor
let maria: Visitor
let message: string
let page: string

before(async () => {
  server = await startTestServer()
  ;({ dana, maria } = await everybodyIn(server, { dana: server.cast.dana, maria: server.cast.maria }))
  message = await writeTo(dana, { to: server.cast.maria.email })
  page = `/messages/${message}`
})
after(() => server.stop())

const BOUNDARY = 'a-fictitious-boundary'

/** A reply whose part headers are written by hand, as programs may send them. */
async function replyWith(
  name: string | Buffer,
  bytes: Buffer,
  type = 'application/octet-stream',
  token?: string,
): Promise<Answer> {
  const fields = {
    ...(await replyFields(maria, message)),
    _csrf: token ?? (await maria.tokenOn(page)),
    body: 'With a file',
    action: 'send',
  }
  const texts = Object.entries(fields).map(
    ([key, value]) => `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${key}"\r\n\r\n${value}\r\n`,
  )
  const body = Buffer.concat([
    Buffer.from(`${texts.join('')}--${BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="`),
    Buffer.from(name),
    Buffer.from(`"\r\nContent-Type: ${type}\r\n\r\n`),
    bytes,
    Buffer.from(`\r\n--${BOUNDARY}--\r\n`),
  ])
  const headers = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}`, origin: server.baseUrl }
  return maria.ask(`${page}/replies`, { method: 'POST', headers, body })
}

async function fileOf(sent: Answer): Promise<string> {
  const [row] = await server.sql<{ id: string }>('SELECT id FROM attachments WHERE message_id = $1', [idIn(sent)])
  return row!.id
}

function filesOnDisk(): string[] {
  if (!existsSync(join(server.dataDir, 'files'))) return []
  const entries = readdirSync(join(server.dataDir, 'files'), { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name)
}

const uploads = async () => (await server.sql('SELECT 1 FROM attachments')).length
const inADay = () => new Date(Date.now() + 25 * 60 * 60 * 1000)

function assertHarmless(answer: Answer, name: string) {
  assert.equal(answer.status, 200, name)
  assert.match(
    String(answer.headers['content-disposition']),
    /^attachment; filename="[^"\r\n/\\]*"; filename\*=UTF-8''[^\s;"]*$/,
    name,
  )
  assert.equal(answer.headers['x-content-type-options'], 'nosniff')
  assert.match(String(answer.headers['content-security-policy']), /sandbox/)
  assert.equal(answer.headers['cache-control'], 'no-store')
  assert.match(
    String(answer.headers['content-type']),
    /^(application\/octet-stream|application\/pdf|image\/jpeg|image\/png)$/,
    name,
  )
}

describe('82. Filename', () => {
  const names = [
    '../../x.txt',
    '..\\\\x.txt',
    '/etc/passwd.txt',
    'C:\\\\x.txt',
    `${'n'.repeat(4096)}.txt`,
    'abc\u202etxt.exe.txt',
    'CON.txt',
    '-rf.txt',
    'semi;colon.txt',
    '%22quoted%22.txt',
    'a%0d%0aX-Odd: 1.txt',
    '$(id) `id` | x.txt',
    'naïve \u{1f4ce} ファイル.txt',
    '.htaccess.txt',
  ]
  for (const name of names)
    test(`${name.slice(0, 30)} -> stored as text, never a path; header RFC 6266 safe`, async () => {
      const sent = await replyWith(name, Buffer.from('text'), 'text/plain')
      // A program's ending inside a name is a reason to refuse it, kindly.
      if (/\.exe\./.test(name)) return assert.equal(sent.status, 422)
      const id = await fileOf(sent)
      const answer = await maria.ask(`/attachments/${id}/download`)
      assertHarmless(answer, name)
      assert.equal(answer.headers['x-odd'], undefined)
      assert.equal(answer.body, 'text')
      const whole = decodeURIComponent(
        /filename\*=UTF-8''(\S+)/.exec(String(answer.headers['content-disposition']))![1]!,
      )
      assert.doesNotMatch(whole, /[/\\\p{Cc}\u202e]/u)
      assert.ok(Buffer.byteLength(whole) <= 255)
      assert.match(whole, /\.txt$/)
      assert.equal((await dana.ask(`/attachments/${id}`)).status, 200)
    })

  test('NUL, newline -> refused as a form, or without them', async () => {
    for (const name of ['nul\0.txt', 'line\nbreak.txt']) {
      const before = await uploads()
      const answer = await replyWith(name, Buffer.from('text'), 'text/plain')
      if (answer.status === 400) assert.equal(await uploads(), before)
      else assertHarmless(await maria.ask(`/attachments/${await fileOf(answer)}/download`), name)
    }
  })

  test('is never a name on the disk: only ids are', () => {
    assert.ok(filesOnDisk().length > 5)
    for (const name of filesOnDisk()) assert.match(name, /^[0-9a-f-]{36}$/)
  })
})

test('83. Filename `<img src=x onerror=..>` in list, size hint, drag area -> text', async () => {
  const id = await fileOf(await replyWith('<img src=x onerror=alert(1)>.png', makePng(), 'image/png'))
  for (const path of [page, `/attachments/${id}`])
    for (const who of [maria, dana]) {
      const { body } = await who.ask(path)
      assert.doesNotMatch(body, /<img src=x/)
      assert.ok(body.includes('&lt;img src&#x3D;x onerror&#x3D;alert(1)&gt;.png'), path)
    }
})

describe('84. SVG, HTML, XHTML, XML, MHT, PDF-JS, HTA, JS named .png; polyglots; UTF-7/16 HTML', () => {
  const html = '<!doctype html><script>alert(1)</script>'
  const refused: [string, Buffer][] = [
    ['picture.svg', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>')],
    ['page.html', Buffer.from(html)],
    ['page.xhtml', Buffer.from(`<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"/>`)],
    ['data.xml', Buffer.from('<?xml version="1.0"?><a/>')],
    ['mail.mht', Buffer.from('MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n')],
    ['program.hta', Buffer.from(html)],
    ['script.png', Buffer.from('alert(1)')],
    ['svg.png', Buffer.from('<svg onload="alert(1)"/>')],
    ['utf16.txt', Buffer.from(`\ufeff${html}`, 'utf16le')],
    ['program.js', Buffer.from('alert(1)')],
  ]
  for (const [name, bytes] of refused)
    test(`${name} -> refused kindly, nothing kept`, async () => {
      const before = [await uploads(), filesOnDisk().length]
      const answer = await replyWith(name, bytes, 'image/png')
      assert.equal(answer.status, 422)
      assert.match(plain(answer.body), new RegExp(`“${name}”`))
      assert.deepEqual([await uploads(), filesOnDisk().length], before)
    })

  const taken: [string, Buffer][] = [
    ['utf7.txt', Buffer.from('+ADw-script+AD4-alert(1)+ADw-/script+AD4-')],
    ['html.txt', Buffer.from(html)],
    [
      'with script.pdf',
      Buffer.from(
        makePdf()
          .toString('latin1')
          .replace('/Type /Catalog', '/Type /Catalog /OpenAction << /S /JavaScript /JS (app.alert(1)) >>'),
        'latin1',
      ),
    ],
    ['polyglot.pdf', Buffer.concat([makePdf(), Buffer.from(`\n%${html}`)])],
  ]
  for (const [name, bytes] of taken)
    test(`${name} -> attachment, nosniff, \`sandbox\` CSP, generic type`, async () => {
      const id = await fileOf(await replyWith(name, bytes, 'text/html'))
      const answer = await dana.ask(`/attachments/${id}/download`)
      assertHarmless(answer, name)
      assert.deepEqual(answer.bytes, bytes)
    })
})

describe('85. PNG/JPEG', () => {
  const odd: [string, Buffer][] = [
    ['wrong magic.png', Buffer.concat([Buffer.from('\x88PNG'), makePng().subarray(4)])],
    ['wrong extension.jpg', makePng()],
    ['double.exe.png', makePng()],
    ['double.png.exe', makePng()],
    ['trailing zip.png', Buffer.concat([makePng(), makeZip({ 'a.txt': 'x' })])],
    ['trailing zip.jpg', Buffer.concat([makeJpeg(), makeZip({ 'a.txt': 'x' })])],
  ]
  for (const [name, bytes] of odd)
    test(`with ${name.replace(/\.\w+$/, '')} -> refused`, async () => {
      const before = [await uploads(), filesOnDisk().length]
      assert.equal((await replyWith(name, bytes, 'image/png')).status, 422)
      assert.deepEqual([await uploads(), filesOnDisk().length], before)
    })
})

describe('86. Pictures that are too much', () => {
  test('30,000x30,000 and a corrupt one -> kept as files without a preview, main fine', async () => {
    const corrupt = Buffer.from(makePng(200, 200))
    corrupt.fill(0xff, 60, 120)
    for (const [name, bytes] of [
      ['huge.png', makeHugePng()],
      ['corrupt.png', corrupt],
    ] as const) {
      const id = await fileOf(await replyWith(name, bytes, 'image/png'))
      assert.equal((await maria.ask(`/attachments/${id}`)).status, 200, name)
      assert.equal((await maria.ask(`/attachments/${id}/thumbnail`)).status, 404, name)
      assert.deepEqual((await maria.ask(`/attachments/${id}/download`)).bytes, bytes)
      assert.ok(!(await maria.ask(page)).body.includes(`/attachments/${id}/thumbnail`))
    }
    assert.equal((await maria.ask('/health/ready')).status, 200)
  })

  test("a phone's photo has a small picture without camera and place; the original is untouched", async () => {
    const photo = makePhonePhoto()
    const warned = await replyWith('photo.jpg', photo, 'image/jpeg')
    assert.equal(warned.status, 422)
    const [, told] = /name="told-place" value="([^"]+)"/.exec(warned.body)!
    const id = await fileOf(await answerTo(maria, message, { 'told-place': told! }))
    const small = await dana.ask(`/attachments/${id}/thumbnail`)
    assert.equal(small.headers['content-type'], 'image/webp')
    assert.ok(!small.bytes.includes(CAMERA) && !small.bytes.includes('Exif'))
    assert.deepEqual((await dana.ask(`/attachments/${id}/download`)).bytes, photo)
  })
})

describe('What nobody claims', () => {
  test('A forged upload (wrong token) leaves no row and no file', async () => {
    const before = [await uploads(), filesOnDisk().length]
    for (const token of ['', 'forged', 'AAAAAAAA-AAAAAAAAAAAAAAAAAAAAAAAAAAA'])
      assert.equal((await replyWith('forged.png', makePng(), 'image/png', token)).status, 403)
    assert.deepEqual([await uploads(), filesOnDisk().length], before)
  })

  test('Uploads in no draft, files without a row and halves are swept after a day; drafts and messages keep theirs', async () => {
    const { body: kept } = await replyWith('refused.exe', makePng(), 'image/png')
    assert.ok(kept)
    const compose = { draft: '', to: '', subject: '', body: '', action: 'save' }
    const png = { name: 'of a draft.png', type: 'image/png', bytes: makePng() }
    const saved = await dana.upload('/messages/new', '/messages', compose, [png])
    const lost = await dana.upload('/messages/new', '/messages', compose, [png])
    const idOf = (answer: Answer) => answer.location.split('=')[1]!
    const fileIn = async (draft: string) =>
      (
        await server.sql<{ id: string; thumbnail: string }>(
          'SELECT id, thumbnail_id AS thumbnail FROM attachments WHERE draft_id = $1',
          [draft],
        )
      )[0]!
    const [mine, unclaimed] = [await fileIn(idOf(saved)), await fileIn(idOf(lost))]
    await server.sql('DELETE FROM drafts WHERE id = $1', [idOf(lost)])
    const placeOf = (id: string) => join(server.dataDir, 'files', id.slice(-2), id)
    const [orphan, half] = [placeOf(newId()), `${placeOf(newId())}.part`]
    for (const path of [orphan, half]) mkdirSync(dirname(path), { recursive: true })
    for (const path of [orphan, half]) writeFileSync(path, 'x')

    await sweepUploads()
    assert.ok(filesOnDisk().includes(unclaimed.id) && existsSync(orphan) && existsSync(half))
    const past = new Date(Date.now() - 60_000)
    for (const path of [orphan, half]) utimesSync(path, past, past)
    await sweepUploads(inADay())
    const left = filesOnDisk()
    assert.ok(left.includes(mine.id) && left.includes(mine.thumbnail))
    assert.ok(!left.includes(unclaimed.id) && !left.includes(unclaimed.thumbnail))
    assert.deepEqual([existsSync(orphan), existsSync(half)], [false, false])
    assert.deepEqual(await server.sql('SELECT 1 FROM attachments WHERE id = $1', [unclaimed.id]), [])
    const known = await server.sql<{ id: string }>(
      `SELECT id FROM attachments UNION SELECT thumbnail_id FROM attachments WHERE thumbnail_id IS NOT NULL
       UNION SELECT file_id FROM attachment_previews`,
    )
    assert.deepEqual(left.toSorted(), known.map(({ id }) => id).toSorted())
  })
})

test('a picture whose arrival cannot be recorded leaves no row, no file and no small picture', async () => {
  const { keepUpload } = await import('../../server/attachments/keep-upload.ts')
  const { findMailboxOf } = await import('../../server/accounts/mailbox.store.ts')
  const [account] = await server.sql<{ id: string }>(
    `SELECT account_id AS id FROM mailboxes WHERE account_id IS NOT NULL LIMIT 1`,
  )
  const accountId = account!.id
  const uploader = {
    accountId,
    mailbox: (await findMailboxOf({ accountId }))!,
    actor: { kind: 'account', id: accountId, strength: 'password+code' } as const,
  }
  const keep = () => keepUpload(uploader, { name: 'foot.png', type: 'image/png' } as never, Readable.from([makePng()]))
  const rows = () => server.sql('SELECT id FROM attachments ORDER BY id')
  const before = [await rows(), filesOnDisk().sort()]
  await server.sql('REVOKE INSERT ON access_events FROM letterlock_app')
  try {
    await assert.rejects(keep(), { status: 503 })
    assert.deepEqual([await rows(), filesOnDisk().sort()], before)
  } finally {
    await server.sql('GRANT INSERT ON access_events TO letterlock_app')
  }
  await keep()
  assert.equal(filesOnDisk().length, (before[1] as string[]).length + 3)
})
