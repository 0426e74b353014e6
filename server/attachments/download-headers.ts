/** The headers under which the raw bytes of a file leave: to be saved and never shown, run, framed or kept by anybody between. */
import { safeFileName } from './file-type.ts'

/** `name` is the file's name as it was uploaded, `type` what `fileTypeOf` found. */
export function downloadHeaders(name: string, type: string): Record<string, string> {
  return {
    'Content-Type': NAMED_TYPES.includes(type) ? type : 'application/octet-stream',
    'Content-Disposition': contentDisposition(safeFileName(name)),
    'Content-Security-Policy': "sandbox; default-src 'none'",
    'X-Content-Type-Options': 'nosniff',
    'Cache-Control': 'no-store',
    'Cross-Origin-Resource-Policy': 'same-origin',
  }
}

/** Only types that no browser runs, and that phones do not open when they are called anything else. */
const NAMED_TYPES = ['application/pdf', 'image/jpeg', 'image/png']

/** RFC 6266: a plain ASCII name for old programs, and the whole one in the form of RFC 8187. */
function contentDisposition(name: string): string {
  const plain = name.replace(/[^ !#$&+\-.0-9A-Z^_`a-z{}~()[\]@=,']/g, '_')
  const whole = encodeURIComponent(name).replace(
    /['()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `attachment; filename="${plain}"; filename*=UTF-8''${whole}`
}
