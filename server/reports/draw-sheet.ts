/**
 * A sheet as a printable PDF: a title page that says what was asked for, by whom and when, how many lines there are and their hash, then the lines as a
 * table with its headings on every page and the page's number below. It is tagged (PDF/UA's structure), says its language, and has its font with it.
 */
import { createRequire } from 'node:module'
import PDFDocument from 'pdfkit'
import { config } from '../config.ts'
import { t } from '../web/page.ts'
import { onOneLine } from './csv.ts'
import type { Column, Fact, Sheet } from './export.ts'

/** What the title page says of the file itself. */
export interface Told {
  by: string
  at: string
  /** SHA-256 of the same lines as CSV, in hex. */
  sha256: string
  rows: number
}

/** @param written hears how many lines were drawn */
export async function* drawSheet(sheet: Sheet, told: Told, written: { rows: number }): AsyncGenerator<Buffer> {
  const document = new PDFDocument({
    size: 'A4',
    layout: 'landscape',
    margins: { top: MARGIN, left: MARGIN, right: MARGIN, bottom: MARGIN },
    lang: 'en',
    tagged: true,
    displayTitle: true,
    pdfVersion: '1.7',
    autoFirstPage: false,
    font: FONT,
    info: { Title: sheet.title, Author: config().organisation.name, Creator: 'Letterlock', Producer: 'Letterlock' },
  })
  const drawing = draw(document, sheet, told, written).then(
    () => document.end(),
    (error: Error) => document.destroy(error),
  )
  for await (const chunk of document) yield chunk as Buffer
  await drawing
}

type Document = PDFKit.PDFDocument

const resolve = createRequire(import.meta.url).resolve
const FONT = resolve('dejavu-fonts-ttf/ttf/DejaVuSansCondensed.ttf')
const BOLD = resolve('dejavu-fonts-ttf/ttf/DejaVuSansCondensed-Bold.ttf')
const MARGIN = 40
const [SMALL, BODY, LARGE] = [7.5, 10, 20]
const PADDING = 3

async function draw(document: Document, sheet: Sheet, told: Told, written: { rows: number }): Promise<void> {
  const whole = document.struct('Document')
  document.addStructure(whole)
  let page = 0
  const nextPage = () => {
    document.addPage()
    page++
    drawFoot(document, sheet.title, page)
  }
  nextPage()
  drawTitlePage(document, whole, sheet, told)
  if (told.rows > 0) await drawTable(document, whole, sheet, nextPage, written)
  whole.end()
}

function drawTitlePage(document: Document, whole: PDFKit.PDFStructureElement, sheet: Sheet, told: Told) {
  const { organisation, tryOut } = config()
  const say = (tag: string, text: string, size: number, font = FONT) =>
    whole.add(
      document.struct(tag, {}, () => {
        document.font(font).fontSize(size).fillColor('black').text(text, MARGIN, document.y, { paragraphGap: 6 })
      }),
    )
  document.y = MARGIN
  say('P', organisation.name, BODY)
  say('H1', sheet.title, LARGE, BOLD)
  if (tryOut) say('P', t('reports:exports.printed.tryOut'), BODY, BOLD)
  say('P', sheet.about, BODY)
  const facts: Fact[] = [
    ...sheet.facts,
    { name: t('reports:exports.printed.by'), value: told.by },
    { name: t('reports:exports.printed.at'), value: told.at },
    { name: t('reports:exports.printed.rows'), value: String(told.rows) },
    { name: t('reports:exports.printed.hash'), value: told.sha256 },
  ]
  for (const { name, value } of facts) say('P', `${name}: ${onOneLine(value)}`, BODY)
  say('P', t('reports:exports.printed.hashMeans'), BODY)
  if (told.rows === 0) say('P', t('reports:exports.printed.none'), BODY)
}

/** Its headings stand on every page, and are read out once. */
async function drawTable(
  document: Document,
  whole: PDFKit.PDFStructureElement,
  sheet: Sheet,
  nextPage: () => void,
  written: { rows: number },
): Promise<void> {
  const columns = placed(document, sheet.columns)
  const labels = columns.map(({ label }) => label)
  const table = document.struct('Table')
  whole.add(table)
  nextPage()
  addRow(document, table, columns, labels, HEADING)
  for await (const rows of sheet.rows()) {
    for (const row of rows) {
      const cells = columns.map(({ index }) => onOneLine(row[index] ?? ''))
      if (document.y + heightOf(document, columns, cells, LINE) > document.page.height - MARGIN) {
        nextPage()
        document.markContent('Artifact', { type: 'Layout' })
        drawRow(document, columns, labels, HEADING)
        document.endMarkedContent()
      }
      addRow(document, table, columns, cells, LINE)
      written.rows++
    }
  }
  table.end()
}

interface PlacedColumn extends Column {
  index: number
  x: number
  points: number
}

/** How a line is dressed and what it is to those who hear it. */
interface Dress {
  tag: 'TH' | 'TD'
  font: string
}
const HEADING: Dress = { tag: 'TH', font: BOLD }
const LINE: Dress = { tag: 'TD', font: FONT }

function placed(document: Document, columns: readonly Column[]): PlacedColumn[] {
  const shown = columns.map((column, index) => ({ ...column, index })).filter(({ width }) => width > 0)
  const share = (document.page.width - 2 * MARGIN) / shown.reduce((sum, { width }) => sum + width, 0)
  let end = MARGIN
  return shown.map((column) => {
    const x = end
    end += column.width * share
    return { ...column, x, points: column.width * share }
  })
}

/** Its cells are drawn as it is added, and then it is forgotten. */
function addRow(
  document: Document,
  table: PDFKit.PDFStructureElement,
  columns: readonly PlacedColumn[],
  cells: readonly string[],
  dress: Dress,
) {
  const height = heightOf(document, columns, cells, dress)
  const top = document.y
  const draw = (column: PlacedColumn, text: string) => () => drawCell(document, column, text, top)
  // The library knows it since 0.17, its types do not.
  const options = (dress.tag === 'TH' ? { scope: 'Column' } : {}) as PDFKit.Mixins.StructureElementOptions
  const tagged = columns.map((column, at) => document.struct(dress.tag, options, draw(column, cells[at]!)))
  table.add(document.struct('TR', {}, tagged))
  endRow(document, top + height)
}

function drawRow(document: Document, columns: readonly PlacedColumn[], cells: readonly string[], dress: Dress) {
  const height = heightOf(document, columns, cells, dress)
  const top = document.y
  columns.forEach((column, at) => drawCell(document, column, cells[at]!, top))
  document.y = top + height
}

function heightOf(document: Document, columns: readonly PlacedColumn[], cells: readonly string[], { font }: Dress) {
  document.font(font).fontSize(SMALL)
  const heights = columns.map(({ points }, at) => document.heightOfString(cells[at]!, { width: points - PADDING }))
  return Math.max(SMALL, ...heights) + 2 * PADDING
}

function drawCell(document: Document, { x, points }: PlacedColumn, text: string, top: number) {
  document.fillColor('black').text(text, x, top + PADDING, { width: points - PADDING })
}

/** A line that only the eye needs. */
function endRow(document: Document, y: number) {
  document.markContent('Artifact', { type: 'Layout' })
  document
    .moveTo(MARGIN, y)
    .lineTo(document.page.width - MARGIN, y)
    .lineWidth(0.4)
    .strokeColor('#999999')
    .stroke()
  document.endMarkedContent()
  document.y = y
}

/** The page's number, below what the lines may fill. */
function drawFoot(document: Document, title: string, page: number) {
  const { margins, width, height } = document.page
  const below = margins.bottom
  margins.bottom = 0
  document.markContent('Artifact', { type: 'Pagination', attached: ['Bottom'] })
  document
    .font(FONT)
    .fontSize(SMALL)
    .fillColor('#444444')
    .text(t('reports:exports.printed.page', { title, page }), MARGIN, height - MARGIN + 12, {
      width: width - 2 * MARGIN,
      align: 'right',
      lineBreak: false,
    })
  document.endMarkedContent()
  margins.bottom = below
  document.x = MARGIN
  document.y = MARGIN
}
