/**
 * Draws the pages of a PDF, and reads their text. PDFium runs as WebAssembly: without scripts, forms, network or files, in a memory of its own
 * that holds nothing but this file. Runs in the process of draw-process.ts only.
 */
import { PDFiumLibrary, type PDFiumDocument } from '@hyzyla/pdfium'
import { sayPage } from './draw-picture.ts'
import { MOST_PAGES, type Part } from './drawing.ts'

type Say = (part: Part, bytes?: Buffer) => Promise<void>

const LONGEST_SIDE = 1600
const MOST_TEXT = 50_000

let starting: Promise<PDFiumLibrary> | undefined

/** Starts PDFium before there is a file. */
export function prepare(): Promise<PDFiumLibrary> {
  return (starting ??= PDFiumLibrary.init())
}

export async function drawPdf(file: Buffer, say: Say): Promise<void> {
  const pdfium = await prepare()
  const document = await pdfium.loadDocument(file).catch((error: unknown) => error as Error)
  if (document instanceof Error)
    return say({ what: 'problem', problem: /password|security/i.test(document.message) ? 'password' : 'damaged' })
  const total = document.getPageCount()
  await say({ what: 'total', total })
  try {
    for (let page = 1; page <= Math.min(total, MOST_PAGES); page++) await drawPage(document, page, say)
  } catch {
    // What was drawn so far stands.
    await say({ what: 'problem', problem: 'damaged' })
  }
}

async function drawPage(document: PDFiumDocument, number: number, say: Say): Promise<void> {
  const page = document.getPage(number - 1)
  const { originalWidth, originalHeight } = page.getOriginalSize()
  if (!(originalWidth > 0 && originalHeight > 0)) throw new Error('a page without a size')
  const scale = LONGEST_SIDE / Math.max(originalWidth, originalHeight)
  const pixels = (length: number) => Math.max(1, Math.round(length * scale))
  // The text first: the library closes a page when it has drawn it.
  const text = page.getText().slice(0, MOST_TEXT)
  const size = { width: pixels(originalWidth), height: pixels(originalHeight) }
  const { data } = await page.render({ ...size, scale: 1, render: 'bitmap' })
  await sayPage(Buffer.from(data.buffer, data.byteOffset, data.byteLength), { ...size, channels: 4 }, number, text, say)
}
