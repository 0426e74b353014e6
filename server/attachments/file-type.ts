/**
 * What a file is, by its bytes and never by what a browser claims, and whether we take it. What we do not know is not
 * taken, so that nothing passes as something it is not. Also what we show of a file's name, which is text and never a path.
 */
import { fileTypeFromBuffer } from 'file-type'
import { config } from '../config.ts'

export type FileKind = 'pdf' | 'picture' | 'text' | 'document'

export interface FileType {
  kind: FileKind
  /** The media type that was found, for example `image/jpeg`. */
  type: string
}

/**
 * `wrong-type`: not on our list, or not on that of the settings. `name-differs`: the name says one kind of file and the bytes say another. `no-room`: too much is uploaded and
 * not sent.
 */
export type FileProblem = 'empty' | 'wrong-type' | 'name-differs' | 'no-room'

/** `head` and `tail` are the file's first and last bytes, as `writeSealed` gives them back. */
export async function fileTypeOf(
  name: string,
  head: Buffer,
  tail: Buffer = head,
): Promise<FileType | { problem: FileProblem }> {
  if (head.length === 0) return { problem: 'empty' }
  const extension = extensionOf(name)
  const type = await typeInBytes(head, tail, extension)
  const accepted = type === undefined ? undefined : ACCEPTED[type]
  if (type && accepted?.extensions.includes(extension) && !hidesProgram(name) && !isTwoFiles(accepted, tail)) {
    return isAllowed(accepted) ? { kind: accepted.kind, type } : { problem: 'wrong-type' }
  }
  return { problem: accepted || claimsType(extension) ? 'name-differs' : 'wrong-type' }
}

/**
 * The name as it was typed, without the characters that deceive: controls, direction overrides, and separators of
 * folders. At most 255 bytes, shortened before the extension.
 */
export function safeFileName(name: string): string {
  const shown = Buffer.from(name).toString().replace(DECEIVING, '').replace(/[/\\]/g, '_').trim()
  const extension = /\.[^.]{1,15}$/u.exec(shown)?.[0] ?? ''
  const stem = firstBytes(
    shown.slice(0, shown.length - extension.length),
    MOST_NAME_BYTES - Buffer.byteLength(extension),
  )
  return stem + extension || 'file'
}

interface Accepted {
  kind: FileKind
  /** The first of them is the usual one. An empty one stands for no extension. */
  extensions: string[]
}

const OPEN_XML = 'application/vnd.openxmlformats-officedocument.'
const OPEN_DOCUMENT = 'application/vnd.oasis.opendocument.'

const ACCEPTED: Record<string, Accepted> = {
  'application/pdf': { kind: 'pdf', extensions: ['pdf', ''] },
  'image/jpeg': { kind: 'picture', extensions: ['jpg', 'jpeg', 'jpe', 'jfif', ''] },
  'image/png': { kind: 'picture', extensions: ['png', ''] },
  'image/gif': { kind: 'picture', extensions: ['gif', ''] },
  'image/webp': { kind: 'picture', extensions: ['webp', ''] },
  'image/heic': { kind: 'picture', extensions: ['heic', 'heif', ''] },
  'image/heif': { kind: 'picture', extensions: ['heif', 'heic', ''] },
  'image/tiff': { kind: 'picture', extensions: ['tiff', 'tif', ''] },
  'text/plain': { kind: 'text', extensions: ['txt'] },
  'text/csv': { kind: 'text', extensions: ['csv'] },
  [`${OPEN_XML}wordprocessingml.document`]: { kind: 'document', extensions: ['docx'] },
  [`${OPEN_XML}spreadsheetml.sheet`]: { kind: 'document', extensions: ['xlsx'] },
  [`${OPEN_XML}presentationml.presentation`]: { kind: 'document', extensions: ['pptx'] },
  [`${OPEN_DOCUMENT}text`]: { kind: 'document', extensions: ['odt'] },
  [`${OPEN_DOCUMENT}spreadsheet`]: { kind: 'document', extensions: ['ods'] },
  [`${OPEN_DOCUMENT}presentation`]: { kind: 'document', extensions: ['odp'] },
  'application/dicom': { kind: 'document', extensions: ['dcm', 'dicom', 'dic', ''] },
}

const TEXT_TYPES: Record<string, string> = { txt: 'text/plain', csv: 'text/csv' }

/** Dots and spaces at the end are dropped as Windows does, where `a.exe. .` is a program. */
function extensionOf(name: string): string {
  const parts = safeFileName(name)
    .replace(/[. ]+$/, '')
    .split('.')
  return parts.length < 2 ? '' : (parts.at(-1) ?? '').trim().toLowerCase()
}

/**
 * Text has no mark of its own, so that it is text only when its name says so too; and then the short marks of programs
 * and bitmaps count for nothing, with which `BMI,weight` begins as well.
 */
async function typeInBytes(head: Buffer, tail: Buffer, extension: string): Promise<string | undefined> {
  const mime = (await fileTypeFromBuffer(head).catch(() => undefined))?.mime as string | undefined
  if (mime === 'application/zip' || mime?.startsWith(OPEN_XML)) return officeType(mime, namesInZip(tail))
  if (mime === 'image/apng') return 'image/png'
  if (mime && ACCEPTED[mime]) return mime
  return (isText(head) ? TEXT_TYPES[extension] : undefined) ?? mime
}

/** A name such as `report.exe.pdf` is meant to be misread, or to be renamed by the next program. */
function hidesProgram(name: string): boolean {
  return PROGRAM_INSIDE.test(safeFileName(name))
}

const PROGRAM_INSIDE =
  /\.(exe|com|bat|cmd|scr|pif|msi|ps1|vbs|vbe|js|jse|wsf|hta|lnk|jar|sh|html?|xhtml|svg)[. ]*\.[^.]*$/i

/** A picture or PDF with a ZIP behind it is a picture to one program and an archive to the next. */
function isTwoFiles({ kind }: Accepted, tail: Buffer): boolean {
  return (kind === 'picture' || kind === 'pdf') && endOfZip(tail) >= 0
}

/** The settings name a kind by its usual ending. */
function isAllowed({ extensions }: Accepted): boolean {
  return extensions.some((extension) => config().fileTypes.includes(extension))
}

function claimsType(extension: string): boolean {
  return extension !== '' && Object.values(ACCEPTED).some(({ extensions }) => extensions.includes(extension))
}

/** UTF-8 without control characters, but for those of lines, tabs and pages. The head may end inside a character. */
function isText(head: Buffer): boolean {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true })
    return !/[\0-\x08\x0e-\x1f\x7f]/.test(text)
  } catch {
    return false
  }
}

/** Where a ZIP's end record stands when the bytes end with one, otherwise -1. */
function endOfZip(tail: Buffer): number {
  let at = tail.lastIndexOf(ZIP_END)
  while (
    at >= 0 &&
    !(at + ZIP_END_LENGTH <= tail.length && at + ZIP_END_LENGTH + tail.readUInt16LE(at + 20) === tail.length)
  ) {
    at = at === 0 ? -1 : tail.lastIndexOf(ZIP_END, at - 1)
  }
  return at
}

/**
 * The names in a ZIP's list of contents, as far as the tail reaches. Nothing is unpacked. Needed because some programs
 * write the entry that tells an office file last, where the head does not reach.
 */
function namesInZip(tail: Buffer): string[] {
  const names: string[] = []
  const end = endOfZip(tail)
  if (end < 0) return names
  for (let at = end - tail.readUInt32LE(end + 12); at >= 0 && at + 46 <= end && tail.readUInt32LE(at) === ZIP_ENTRY;) {
    const nameLength = tail.readUInt16LE(at + 28)
    names.push(tail.toString('utf8', at + 46, at + 46 + nameLength))
    at += 46 + nameLength + tail.readUInt16LE(at + 30) + tail.readUInt16LE(at + 32)
  }
  return names
}

/** Macros make it another kind of document, which we do not take, whatever its list of types says. */
function officeType(found: string, names: string[]): string {
  if (names.some((name) => /vbaproject/i.test(name))) return 'application/zip'
  if (found !== 'application/zip' || !names.includes('[Content_Types].xml')) return found
  if (names.includes('word/document.xml')) return `${OPEN_XML}wordprocessingml.document`
  if (names.includes('xl/workbook.xml')) return `${OPEN_XML}spreadsheetml.sheet`
  if (names.includes('ppt/presentation.xml')) return `${OPEN_XML}presentationml.presentation`
  return found
}

const ZIP_END = Buffer.from('PK\x05\x06')
const ZIP_END_LENGTH = 22
const ZIP_ENTRY = 0x02014b50
const MOST_NAME_BYTES = 255
// Controls, line separators, and what turns the direction of text or cannot be seen.
const DECEIVING = /[\p{Cc}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/gu

/** Never ends inside a character. */
function firstBytes(text: string, most: number): string {
  if (Buffer.byteLength(text) <= most) return text
  return Buffer.from(text)
    .subarray(0, most)
    .toString()
    .replace(/\ufffd+$/, '')
}
