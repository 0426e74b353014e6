/** A QR code as the path of an inline SVG: no image request, nothing that a strict CSP forbids. qrcode is imported only here. */
import QRCode from 'qrcode'

const MARGIN = 4

/** @returns the side in modules with its margin, and a path that fills the dark ones: a stroke for each run of them in a row, which is short */
export function qrCode(text: string): { size: number; path: string } {
  const { modules } = QRCode.create(text, { errorCorrectionLevel: 'M' })
  let path = ''
  for (let row = 0; row < modules.size; row++)
    for (let column = 0; column < modules.size; column++) {
      const begin = column
      while (column < modules.size && modules.get(row, column)) column++
      const run = column - begin
      if (run > 0) path += `M${begin + MARGIN} ${row + MARGIN}h${run}v1h-${run}z`
    }
  return { size: modules.size + 2 * MARGIN, path }
}
