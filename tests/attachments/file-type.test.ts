import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { fileTypeOf, safeFileName } from '../../server/attachments/file-type.ts'
import { makeDocx, makeJpeg, makePdf, makePhonePhoto, makePng, makeZip } from '../support/files.ts'

const HEAD = 4100
const OFFICE = 'application/vnd.openxmlformats-officedocument'

describe('What a file is', () => {
  it('is told by its bytes: PDF, pictures, text, documents', async () => {
    const known: [string, Buffer, string, string][] = [
      ['result.pdf', makePdf(), 'pdf', 'application/pdf'],
      ['photo.JPG', makeJpeg(), 'picture', 'image/jpeg'],
      ['IMG_0001.jpeg', makePhonePhoto(), 'picture', 'image/jpeg'],
      ['scan.png', makePng(), 'picture', 'image/png'],
      ['a.gif', Buffer.from('GIF89a\x01\x00\x01\x00\x00\x00\x00;', 'latin1'), 'picture', 'image/gif'],
      ['a.webp', Buffer.from('RIFF\x1a\x00\x00\x00WEBPVP8L', 'latin1'), 'picture', 'image/webp'],
      ['a.heic', Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1'), 'picture', 'image/heic'],
      ['a.tif', Buffer.from('II*\0\x08\0\0\0\0\0\0\0\0\0', 'latin1'), 'picture', 'image/tiff'],
      ['notes.txt', Buffer.from('Please take one each morning. Grüße – 日本語\r\n\tTwo.'), 'text', 'text/plain'],
      ['values.csv', Buffer.from('day,value\n1,120\n'), 'text', 'text/csv'],
      ['letter.docx', makeDocx(), 'document', `${OFFICE}.wordprocessingml.document`],
      ['letter.odt', openDocument('text'), 'document', 'application/vnd.oasis.opendocument.text'],
      ['sheet.ods', openDocument('spreadsheet'), 'document', 'application/vnd.oasis.opendocument.spreadsheet'],
      [
        'scan.dcm',
        Buffer.concat([Buffer.alloc(128), Buffer.from('DICM\x02\0\0\0UL\x04\0')]),
        'document',
        'application/dicom',
      ],
      [
        'IM0001',
        Buffer.concat([Buffer.alloc(128), Buffer.from('DICM\x02\0\0\0UL\x04\0')]),
        'document',
        'application/dicom',
      ],
      ['image', makePng(), 'picture', 'image/png'],
      ['letter.v2.2024.pdf', makePdf(), 'pdf', 'application/pdf'],
    ]
    for (const [name, bytes, kind, type] of known) assert.deepEqual(await typeOf(name, bytes), { kind, type }, name)
  })

  it('is told of office files also where the telling entry is written last, beyond the head', async () => {
    const more = { 'word/media/picture.bin': randomLooking(20000) }
    const type = { kind: 'document', type: `${OFFICE}.wordprocessingml.document` }
    assert.deepEqual(await typeOf('letter.docx', makeDocx({ typesLast: true, more })), type)
    assert.deepEqual(await typeOf('letter.docx', makeDocx({ more })), type)
    assert.deepEqual(
      await typeOf('sheet.xlsx', makeZip({ 'xl/workbook.xml': '<x/>', '[Content_Types].xml': '<Types/>' })),
      {
        kind: 'document',
        type: `${OFFICE}.spreadsheetml.sheet`,
      },
    )
  })

  it('is text although it begins like a bitmap or a program, and is no text when it begins like a PDF', async () => {
    assert.deepEqual(await typeOf('values.csv', Buffer.from('BMI,weight\n22,70\n')), { kind: 'text', type: 'text/csv' })
    assert.deepEqual(await typeOf('notes.txt', Buffer.from('MZ called at nine.')), { kind: 'text', type: 'text/plain' })
    assert.deepEqual(await typeOf('notes.txt', makePdf()), { problem: 'name-differs' })
  })

  it('is text when its head ends inside a character', async () => {
    assert.deepEqual(await typeOf('long.txt', Buffer.from('€'.repeat(3000))), { kind: 'text', type: 'text/plain' })
  })

  it('empty files are told as empty', async () => {
    assert.deepEqual(await typeOf('empty.pdf', Buffer.alloc(0)), { problem: 'empty' })
  })

  it('never throws, whatever the bytes and names', async () => {
    const starts = [makePdf(), makeJpeg(), makePng(), makeDocx(), makeZip({ a: 'b' })].map((bytes) =>
      bytes.subarray(0, 300),
    )
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 500 }).map((array) => Buffer.from(array)),
      fc.tuple(fc.constantFrom(...starts), fc.nat(299), fc.nat(255)).map(([start, at, value]) => {
        const changed = Buffer.from(start)
        changed[at % changed.length] = value
        return changed
      }),
    )
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), bytes, async (name, content) => {
        const found = await typeOf(name, content)
        assert.ok('problem' in found || found.type)
      }),
      { numRuns: 300 },
    )
  })
})

describe('SVG, HTML, XHTML, XML, MHT, HTA, JS named .png; polyglots; UTF-7/16 HTML', () => {
  const html = '<!doctype html><script>alert(1)</script>'
  const active: [string, string | Buffer][] = [
    ['x.svg', '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'],
    ['x.svg', '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'],
    ['x.html', html],
    ['x.htm', html],
    ['x.xhtml', '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"/>'],
    ['x.xml', '<?xml version="1.0"?><a/>'],
    ['x.mht', 'MIME-Version: 1.0\r\nContent-Type: multipart/related\r\n'],
    ['x.hta', '<hta:application/>'],
    ['x.js', 'alert(1)'],
    ['x.html', Buffer.from(`\ufeff${html}`, 'utf16le')],
    ['x.html', '+ADw-script+AD4-'],
    ['x.exe', Buffer.from('MZ\x90\0\x03\0\0\0', 'latin1')],
    ['x.zip', makeZip({ 'a.txt': 'text' })],
    ['x.jar', makeZip({ 'META-INF/MANIFEST.MF': 'Manifest-Version: 1.0' })],
    ['x.docm', makeDocx({ more: { 'word/vbaProject.bin': Buffer.from('macro') } })],
    ['x.bin', Buffer.from([1, 2, 3, 4])],
    ['x', 'text without a name that says so'],
  ]

  it('are not on the list under their own names', async () => {
    for (const [name, content] of active) {
      const found = await typeOf(name, Buffer.from(content))
      assert.ok('problem' in found, name)
    }
    assert.deepEqual(await typeOf('x.svg', Buffer.from(active[0]?.[1] ?? '')), { problem: 'wrong-type' })
  })

  it('do not become pictures or PDFs by being called so', async () => {
    for (const [, content] of active) {
      for (const name of ['x.png', 'x.jpg', 'x.pdf', 'x.docx']) {
        const found = await typeOf(name, Buffer.from(content))
        assert.ok('problem' in found && found.problem !== 'empty', `${name} ${String(content).slice(0, 20)}`)
      }
    }
    assert.deepEqual(await typeOf('x.png', Buffer.from('alert(1)')), { problem: 'name-differs' })
    assert.deepEqual(await typeOf('x.docx', makeZip({ 'a.txt': 'text' })), { problem: 'name-differs' })
  })

  it('a document with macros is not a document without', async () => {
    const macro = { 'word/vbaProject.bin': Buffer.from('macro') }
    const docm = makeZip({
      '_rels/.rels': '<r/>',
      ...macro,
      'word/document.xml': '<w/>',
      '[Content_Types].xml': '<Types/>',
    })
    assert.ok('problem' in (await typeOf('letter.docx', docm)))
  })
})

describe('PNG/JPEG with wrong magic, wrong extension, double extension, trailing zip -> flagged or refused', () => {
  it('wrong magic', async () => {
    const png = makePng()
    png[0] = 0x88
    assert.deepEqual(await typeOf('scan.png', png), { problem: 'name-differs' })
    assert.deepEqual(await typeOf('scan.jpg', Buffer.from([0, 1, 2, 3])), { problem: 'name-differs' })
  })

  it('wrong extension', async () => {
    for (const name of ['scan.jpg', 'scan.pdf', 'scan.txt', 'scan.docx', 'scan.exe', 'scan.xyz']) {
      assert.deepEqual(await typeOf(name, makePng()), { problem: 'name-differs' }, name)
    }
  })

  it('double extension, also behind spaces, dots and characters that turn the direction', async () => {
    const names = [
      'result.pdf.exe',
      'result.pdf.exe.',
      'result.pdf.exe . .',
      'result.exe.pdf',
      'result.JS .pdf',
      'result.html.pdf',
    ]
    for (const name of [...names, 'result\u202efdp.exe', 'result.exe\u202e.pdf']) {
      assert.deepEqual(await typeOf(name, makePdf()), { problem: 'name-differs' }, name)
    }
  })

  it('trailing zip', async () => {
    const zip = makeZip({ 'run.txt': 'hidden' })
    assert.deepEqual(await typeOf('scan.png', Buffer.concat([makePng(), zip])), { problem: 'name-differs' })
    assert.deepEqual(await typeOf('photo.jpg', Buffer.concat([makeJpeg(), randomLooking(9000), zip])), {
      problem: 'name-differs',
    })
    const commented = Buffer.concat([zip, Buffer.alloc(60000, 'c')])
    commented.writeUInt16LE(60000, zip.length - 2)
    assert.deepEqual(await typeOf('scan.png', Buffer.concat([makePng(), commented])), { problem: 'name-differs' })
  })
})

describe('Filename `../../x`, `..\\x`, `/etc/passwd`, `C:\\x`, NUL, 4,096 bytes, RTL override -> stored as text, never a path', () => {
  it('loses what deceives, and keeps the rest as it was typed', () => {
    const names: [string, string][] = [
      ['Befund 2024 – Größe.pdf', 'Befund 2024 – Größe.pdf'],
      ['检查结果.png', '检查结果.png'],
      ['../../x', '.._.._x'],
      ['..\\x', '.._x'],
      ['/etc/passwd', '_etc_passwd'],
      ['C:\\x', 'C:_x'],
      ['a\0b\r\nc\x7f\u0085.txt', 'abc.txt'],
      ['annex\u202efdp.exe', 'annexfdp.exe'],
      ['\u2066a\u2069\u200e.png', 'a.png'],
      ['CON', 'CON'],
      ['-rf', '-rf'],
      ['say "hi".txt', 'say "hi".txt'],
      ['  spaces.txt  ', 'spaces.txt'],
      ['', 'file'],
      ['\u202e', 'file'],
      ['lone\ud800.txt', 'lone\ufffd.txt'],
    ]
    for (const [typed, shown] of names) assert.equal(safeFileName(typed), shown)
  })

  it('is at most 255 bytes and keeps its extension', () => {
    assert.equal(safeFileName(`${'x'.repeat(4096)}.pdf`), `${'x'.repeat(251)}.pdf`)
    const long = safeFileName(`${'日'.repeat(2000)}.pdf`)
    assert.ok(Buffer.byteLength(long) <= 255 && /^日+\.pdf$/.test(long))
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 600 }), (name) => {
        const shown = safeFileName(name)
        assert.ok(Buffer.byteLength(shown) <= 255 && shown.length > 0 && !/[/\\\p{Cc}]/u.test(shown))
        assert.equal(safeFileName(shown), shown)
      }),
      { numRuns: 500 },
    )
  })

  it('Filename `<img src=x onerror=..>` -> text', () => {
    // Escaping belongs to the templates: here the name must only stay what it is.
    assert.equal(safeFileName('<img src=x onerror=alert(1)>.png'), '<img src=x onerror=alert(1)>.png')
  })
})

describe('87. Zip bomb (42.zip, overlapping, quine), 1e6 entries, symlink, `../` -> never unpacked by main; scanner bounded', () => {
  /** What it is taken for, and how much more memory it took at most. */
  async function looked(name: string, bytes: Buffer) {
    const before = process.memoryUsage().rss
    let most = before
    const timer = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 1)
    const found = await typeOf(name, bytes).finally(() => clearInterval(timer))
    return { found, grown: Math.max(most, process.memoryUsage().rss) - before }
  }
  const types = (more: string) => `<?xml version="1.0"?>${more}<Types></Types>`
  const bombs: [string, string, () => Buffer][] = [
    [
      'the entry that tells an office file',
      'a.docx',
      () => makeZip({ '[Content_Types].xml': ' '.repeat(100_000_000) }),
    ],
    [
      'a bomb behind an office file',
      'a.docx',
      () => makeDocx({ more: { 'word/bomb.xml': Buffer.alloc(100_000_000) } }),
    ],
    ['archives in archives', 'a.docx', () => nested(20)],
    ['entries that lie over one another', 'a.docx', () => overlapping(1000)],
    ['1e6 entries', 'a.docx', () => overlapping(1_000_000)],
    [
      'names that lead out',
      'a.docx',
      () => makeZip({ '[Content_Types].xml': types(''), '../../x': 'x', '/etc/x': 'x' }),
    ],
  ]
  for (const [what, name, make] of bombs)
    it(what, async () => {
      const bytes = make()
      const { grown } = await looked(name, bytes)
      assert.ok(grown < 64 * 1024 ** 2, `${Math.round(grown / 1024 ** 2)} MB`)
    })

  it('what is no office file and no document is not taken', async () => {
    for (const bytes of [nested(3), overlapping(10), makeZip({ '../../x': 'x' })])
      for (const name of ['a.zip', 'a.docx', 'a.pdf']) assert.ok('problem' in (await typeOf(name, bytes)), name)
  })

  function nested(depth: number): Buffer {
    return depth === 0 ? Buffer.alloc(1_000_000) : makeZip({ 'a.zip': nested(depth - 1), 'b.zip': nested(0) })
  }

  /** One packed entry of which the list of contents speaks many times. */
  function overlapping(count: number): Buffer {
    const whole = makeZip({ bomb: Buffer.alloc(1_000_000) })
    const end = whole.lastIndexOf('PK\x05\x06')
    const at = whole.readUInt32LE(end + 16)
    const [local, entry] = [whole.subarray(0, at), whole.subarray(at, end)]
    const tail = Buffer.from(whole.subarray(end))
    tail.writeUInt16LE(count & 0xffff, 8)
    tail.writeUInt16LE(count & 0xffff, 10)
    tail.writeUInt32LE(entry.length * count, 12)
    return Buffer.concat([local, Buffer.alloc(entry.length * count, entry), tail])
  }
})

describe('89. XML bomb/XXE in docx/svg -> not parsed', () => {
  it('asks for nothing, grows nothing, and an SVG is not taken', async () => {
    const asked: string[] = []
    const listening = createServer((request, response) => {
      asked.push(request.url!)
      response.end('x')
    }).listen(0, '127.0.0.1')
    await once(listening, 'listening')
    const { port } = listening.address() as AddressInfo
    const laughs = Array.from({ length: 12 }, (_, at) => `<!ENTITY l${at + 1} "${`&l${at};`.repeat(10)}">`).join('')
    const bomb = `<?xml version="1.0"?><!DOCTYPE T [<!ENTITY l0 "lol"><!ENTITY x SYSTEM "http://127.0.0.1:${port}/x"><!ENTITY p SYSTEM "file:///etc/passwd"><!ENTITY % d SYSTEM "http://127.0.0.1:${port}/dtd"> %d; ${laughs}]>`
    const before = process.memoryUsage().rss
    const office = makeZip({
      '[Content_Types].xml': `${bomb}<Types>&x;&p;&l12;</Types>`,
      'word/document.xml': `${bomb}<d>&x;&l12;</d>`,
    })
    const svg = Buffer.from(`${bomb}<svg xmlns="http://www.w3.org/2000/svg"><text>&x;&p;&l12;</text></svg>`)
    for (const name of ['a.docx', 'a.xlsx', 'a.pdf']) await typeOf(name, office)
    for (const name of ['a.svg', 'a.png', 'a.docx', 'a']) assert.ok('problem' in (await typeOf(name, svg)), name)
    assert.ok(process.memoryUsage().rss - before < 64 * 1024 ** 2)
    listening.close()
    assert.deepEqual(asked, [])
  })
})

/** As the engine sees a file: by its two ends. */
function typeOf(name: string, bytes: Buffer) {
  return fileTypeOf(name, bytes.subarray(0, HEAD), bytes.subarray(-65557))
}

function openDocument(kind: string): Buffer {
  return makeZip({
    mimetype: `application/vnd.oasis.opendocument.${kind}`,
    'content.xml': '<office/>',
    'big.bin': randomLooking(9000),
  })
}

/** Bytes that do not get smaller, and are the same each time. */
function randomLooking(length: number): Buffer {
  let state = 1
  return Buffer.from(Uint8Array.from({ length }, () => (state = (state * 48271) % 2147483647) & 255))
}
