/**
 * Whether an organisation's colour can be read, by the contrast ratio of WCAG 2.2 (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio): as text and edge on
 * each surface of our pages, and under the text of buttons. The surfaces are those of static/css/page.css.
 */
export type Scheme = 'light' | 'dark'
type Rgb = readonly [number, number, number]

/** What text needs (WCAG 2.2, 1.4.3). */
export const LEAST_CONTRAST = 4.5

export const SURFACES: Record<Scheme, readonly string[]> = {
  light: ['#f6f7f9', '#ffffff', '#eceff3'],
  dark: ['#0f151c', '#17202a', '#0b1016'],
}

/** The colours that stand beside the chosen one. */
export interface Brand {
  brand: string
  /** Under a pointer. */
  strong: string
  /** Behind its own text. */
  tint: string
  /** Text on it. */
  on: string
}

/** @param colour as `readColour` returns it */
export function brandOf(colour: string, scheme: Scheme): Brand {
  return scheme === 'light'
    ? { brand: colour, strong: mixed(colour, '#000000', 0.25), tint: mixed('#ffffff', colour, 0.08), on: '#ffffff' }
    : { brand: colour, strong: mixed(colour, '#ffffff', 0.25), tint: mixed('#0b1016', colour, 0.12), on: '#0b1016' }
}

/** The least contrast that the colour has with anything that it meets on such pages. */
export function leastContrast(colour: string, scheme: Scheme): number {
  const { tint, on } = brandOf(colour, scheme)
  return Math.min(...[...SURFACES[scheme], tint, on].map((each) => contrast(colour, each)))
}

export function isReadable(colour: string, scheme: Scheme): boolean {
  return leastContrast(colour, scheme) >= LEAST_CONTRAST
}

/** The colour of the same hue and saturation that can be read and whose lightness (HSL) is the nearest to that of `colour`. */
export function nearestReadable(colour: string, scheme: Scheme): string {
  const [hue, saturation, lightness] = toHsl(rgbOf(colour))
  for (let step = 0; step <= 1000; step++)
    for (const way of [-1, 1]) {
      const other = lightness + (way * step) / 1000
      if (other < 0 || other > 1) continue
      const tried = step === 0 ? colour : textOf(fromHsl(hue, saturation, other))
      if (isReadable(tried, scheme)) return tried
    }
  // Not reached: black can be read on every light surface, and white on every dark one.
  return scheme === 'light' ? '#000000' : '#ffffff'
}

/** `#0b5563` of what somebody typed (`0B5563`, `#0b5`); undefined when it is no colour. */
export function readColour(text: string): string | undefined {
  const [, digits] = /^#?([0-9a-f]{6}|[0-9a-f]{3})$/i.exec(text.trim()) ?? []
  if (!digits) return undefined
  const six = digits.length === 6 ? digits : [...digits].map((digit) => digit + digit).join('')
  return `#${six.toLowerCase()}`
}

/** From 1 to 21. */
export function contrast(one: string, other: string): number {
  const [lighter, darker] = [luminance(rgbOf(one)), luminance(rgbOf(other))].sort((a, b) => b - a) as [number, number]
  return (lighter + 0.05) / (darker + 0.05)
}

/** Relative luminance of sRGB (https://www.w3.org/TR/WCAG22/#dfn-relative-luminance). */
function luminance(rgb: Rgb): number {
  const [red, green, blue] = rgb.map((part) => {
    const value = part / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  }) as [number, number, number]
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

function rgbOf(colour: string): Rgb {
  return [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)) as unknown as Rgb
}

function textOf(rgb: Rgb): string {
  return `#${rgb.map((part) => Math.round(part).toString(16).padStart(2, '0')).join('')}`
}

function mixed(one: string, other: string, share: number): string {
  const [a, b] = [rgbOf(one), rgbOf(other)]
  return textOf(a.map((part, at) => part + (b[at]! - part) * share) as unknown as Rgb)
}

function toHsl(rgb: Rgb): [number, number, number] {
  const [red, green, blue] = rgb.map((part) => part / 255) as [number, number, number]
  const most = Math.max(red, green, blue)
  const least = Math.min(red, green, blue)
  const lightness = (most + least) / 2
  const range = most - least
  if (range === 0) return [0, 0, lightness]
  const saturation = range / (1 - Math.abs(2 * lightness - 1))
  const sixth =
    most === red
      ? ((green - blue) / range + 6) % 6
      : most === green
        ? (blue - red) / range + 2
        : (red - green) / range + 4
  return [sixth * 60, saturation, lightness]
}

function fromHsl(hue: number, saturation: number, lightness: number): Rgb {
  const strongest = saturation * Math.min(lightness, 1 - lightness)
  const part = (offset: number) => {
    const at = (offset + hue / 30) % 12
    return 255 * (lightness - strongest * Math.max(-1, Math.min(at - 3, 9 - at, 1)))
  }
  return [part(0), part(8), part(4)]
}
