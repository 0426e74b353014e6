import assert from 'node:assert/strict'
import { validateHeaderValue } from 'node:http'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { downloadHeaders } from '../../server/attachments/download-headers.ts'

describe('The headers of a download', () => {
  it('SVG, HTML, XHTML, XML, MHT -> attachment, nosniff, `sandbox` CSP, generic type', () => {
    for (const type of [
      'image/svg+xml',
      'text/html',
      'application/xhtml+xml',
      'text/xml',
      'text/plain',
      'image/gif',
      '',
    ]) {
      assert.deepEqual(downloadHeaders('x.svg', type), {
        'Content-Type': 'application/octet-stream',
        'Content-Disposition': `attachment; filename="x.svg"; filename*=UTF-8''x.svg`,
        'Content-Security-Policy': "sandbox; default-src 'none'",
        'X-Content-Type-Options': 'nosniff',
        'Cache-Control': 'no-store',
        'Cross-Origin-Resource-Policy': 'same-origin',
      })
    }
  })

  it('name PDF, JPEG and PNG by their types, still to be saved and not shown', () => {
    for (const type of ['application/pdf', 'image/jpeg', 'image/png']) {
      const headers = downloadHeaders('x', type)
      assert.equal(headers['Content-Type'], type)
      assert.match(headers['Content-Disposition'] ?? '', /^attachment;/)
    }
  })

  it('write the name in both forms of RFC 6266, safe whatever it holds', () => {
    const names: [string, string][] = [
      ['Größe (1).pdf', `attachment; filename="Gr__e (1).pdf"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%281%29.pdf`],
      ['a"b\\c%41;d.txt', `attachment; filename="a_b_c_41_d.txt"; filename*=UTF-8''a%22b_c%2541%3Bd.txt`],
      [
        'x\r\nSet-Cookie: a=b.pdf',
        `attachment; filename="xSet-Cookie_ a=b.pdf"; filename*=UTF-8''xSet-Cookie%3A%20a%3Db.pdf`,
      ],
      ["it's.pdf", `attachment; filename="it's.pdf"; filename*=UTF-8''it%27s.pdf`],
      ['日本.png', `attachment; filename="__.png"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.png`],
      ['../../x', `attachment; filename=".._.._x"; filename*=UTF-8''.._.._x`],
    ]
    for (const [name, header] of names) assert.equal(downloadHeaders(name, '')['Content-Disposition'], header)
  })

  it('can always be sent, and give the name back to whoever reads them', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (name) => {
        const header = downloadHeaders(name, 'application/pdf')['Content-Disposition'] ?? ''
        validateHeaderValue('Content-Disposition', header)
        assert.match(header, /^attachment; filename="[ -!#-[\]-~]+"; filename\*=UTF-8''[\w!#$&+\-.^`|~%]+$/)
        decodeURIComponent(header.split("UTF-8''")[1] ?? '')
      }),
      { numRuns: 500 },
    )
  })
})
