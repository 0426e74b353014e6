/** PDFs of every kind that people and enemies send, made in code. */
import { createHash } from 'node:crypto'

export interface PdfPage {
  text: string
  /** Points. */
  width?: number
  height?: number
}

/** A PDF of these pages. @param more further objects, and what stands in its catalogue and trailer */
export function makePdfOf(pages: readonly PdfPage[], more: { catalogue?: string; objects?: string[] } = {}): Buffer {
  const first = 4
  const kids = pages.map((_page, index) => `${first + index * 2} 0 R`)
  const objects = [
    `<< /Type /Catalog /Pages 2 0 R ${more.catalogue ?? ''} >>`,
    `<< /Type /Pages /Kids [${kids.join(' ')}] /Count ${pages.length} >>`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
    ...pages.flatMap(({ text, width = 595, height = 842 }, index) => {
      const content = `BT /F1 18 Tf 40 ${height - 100} Td (${text.replace(/[\\()]/g, '\\$&')}) Tj ET`
      return [
        `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 ${width} ${height}] /Contents ${first + index * 2 + 1} 0 R /Resources << /Font << /F1 3 0 R >> >> >>`,
        `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
      ]
    }),
    ...(more.objects ?? []),
  ]
  return assemble(objects, '')
}

export function assemble(objects: readonly string[], trailer: string): Buffer {
  const parts: Buffer[] = [Buffer.from('%PDF-1.7\n')]
  let length = parts[0]!.length
  const places = objects.map((object, index) => {
    const place = length
    const part = Buffer.from(`${index + 1} 0 obj\n${object}\nendobj\n`, 'latin1')
    parts.push(part)
    length += part.length
    return `${String(place).padStart(10, '0')} 00000 n \n`
  })
  parts.push(Buffer.from(`xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${places.join('')}`))
  parts.push(
    Buffer.from(`trailer\n<< /Size ${objects.length + 1} /Root 1 0 R ${trailer} >>\nstartxref\n${length}\n%%EOF\n`),
  )
  return Buffer.concat(parts)
}

/** Locked with a password of its reader (the standard handler, RC4 with 40 bits, as old programs still write it). */
export function makeLockedPdf(password = 'fictitious'): Buffer {
  const pad = Buffer.from('28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a', 'hex')
  const padded = Buffer.concat([Buffer.from(password), pad]).subarray(0, 32)
  const id = Buffer.from('fictitious id 16')
  const permissions = Buffer.from([0xfc, 0xff, 0xff, 0xff])
  const owner = rc4(md5(padded).subarray(0, 5), padded)
  const key = md5(Buffer.concat([padded, owner, permissions, id])).subarray(0, 5)
  const user = rc4(key, pad)
  const hex = (bytes: Buffer) => `<${bytes.toString('hex')}>`
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>',
    `<< /Filter /Standard /V 1 /R 2 /O ${hex(owner)} /U ${hex(user)} /P -4 >>`,
  ]
  return assemble(objects, `/Encrypt 4 0 R /ID [${hex(id)} ${hex(id)}]`)
}

/** One whose table of objects names itself as the one before. */
export function makeLoopingPdf(): Buffer {
  const pdf = makePdfOf([{ text: 'Round and round' }]).toString('latin1')
  const start = pdf.lastIndexOf('xref\n', pdf.lastIndexOf('startxref') - 1)
  return Buffer.from(pdf.replace('/Root 1 0 R', `/Root 1 0 R /Prev ${start}`), 'latin1')
}

/** One whose list of pages holds itself. */
export function makePdfOfItself(): Buffer {
  return assemble(['<< /Type /Catalog /Pages 2 0 R >>', '<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 1000000 >>'], '')
}

const md5 = (bytes: Buffer) => createHash('md5').update(bytes).digest()

function rc4(key: Buffer, bytes: Buffer): Buffer {
  const state = Array.from({ length: 256 }, (_value, index) => index)
  for (let i = 0, j = 0; i < 256; i++) {
    j = (j + state[i]! + key[i % key.length]!) & 255
    ;[state[i], state[j]] = [state[j]!, state[i]!]
  }
  let i = 0
  let j = 0
  return Buffer.from(
    bytes.map((byte) => {
      i = (i + 1) & 255
      j = (j + state[i]!) & 255
      ;[state[i], state[j]] = [state[j]!, state[i]!]
      return byte ^ state[(state[i]! + state[j]!) & 255]!
    }),
  )
}
