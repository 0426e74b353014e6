/**
 * Lines of a CSV file (RFC 4180), as spreadsheets open it: UTF-8 behind a byte order mark, CR LF, every cell in quotes. A cell that a spreadsheet would
 * take for a formula gets an apostrophe in front (CWE-1236), and what would break or colour a line is written out.
 */

/** By this Excel knows UTF-8. */
export const BYTE_ORDER_MARK = '\uFEFF'

export function csvLine(cells: readonly string[]): string {
  return `${cells.map((cell) => `"${guarded(cell).replaceAll('"', '""')}"`).join(',')}\r\n`
}

/** A text that no spreadsheet calculates and no line is broken by. */
export function guarded(text: string): string {
  return (isFormula(text) ? "'" : '') + onOneLine(text)
}

/** Line ends, escape sequences, NUL and marks that turn a text around, written as they are written in JSON. */
export function onOneLine(text: string): string {
  return text.replace(UNSEEN, (mark) => SHORT[mark] ?? `\\u${mark.codePointAt(0)!.toString(16).padStart(4, '0')}`)
}

/** Also behind blanks and marks that do not show, which spreadsheets take away when they read; in full width they take them for the same. */
function isFormula(text: string): boolean {
  return /^[\t\r\n\0]/.test(text) || /^[\s\0\uFEFF\u200B-\u200F\u2060]*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]/.test(text)
}

/** Control characters, lines' and paragraphs' ends, and marks of direction that could show a name the wrong way round. */
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g
const SHORT: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }
