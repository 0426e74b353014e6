/** PDFs as a reader of PDFs finds them: the text of each page, and a page as a picture. */
import { PDFiumLibrary } from '@hyzyla/pdfium'
import sharp from 'sharp'

let starting: ReturnType<typeof PDFiumLibrary.init> | undefined

export async function textOfPdf(bytes: Buffer): Promise<string[]> {
  const document = await (await (starting ??= PDFiumLibrary.init())).loadDocument(bytes)
  const pages = Array.from({ length: document.getPageCount() }, (_, at) => document.getPage(at).getText())
  document.destroy()
  // Where a word is broken to the next line there is no blank.
  return pages.map((text) => text.replace(/\s+/g, ' '))
}

/** As PNG. */
export async function pictureOfPdf(bytes: Buffer, page: number, width = 1400): Promise<Buffer> {
  const document = await (await (starting ??= PDFiumLibrary.init())).loadDocument(bytes)
  const drawn = document.getPage(page - 1)
  const { originalWidth, originalHeight } = drawn.getOriginalSize()
  const height = Math.round((width * originalHeight) / originalWidth)
  const { data } = await drawn.render({ scale: 1, width, height, render: 'bitmap' })
  return sharp(Buffer.from(data), { raw: { width, height, channels: 4 } })
    .png()
    .toBuffer()
}
