/** The organisation's colours as a small stylesheet of their own: no page has a style in itself. Its name holds its digest, so a browser may keep it. */
import { createHash } from 'node:crypto'
import { brandOf, type Scheme } from './brand-colour.ts'
import { settings } from './settings.ts'

export interface BrandStyles {
  /** `Kx3…9A.css` */
  name: string
  text: string
}

let made: { of: string; styles: BrandStyles } | undefined

/** Nothing while the colours are our own. */
export function brandStyles(): BrandStyles | undefined {
  const { brandLight, brandDark } = settings()
  if (!brandLight && !brandDark) return undefined
  const of = `${brandLight} ${brandDark}`
  if (made?.of === of) return made.styles
  const text = [
    brandLight && `:root{${tokens(brandLight, 'light')}}`,
    // The same place as in page.css, which a saved choice of light pages wins over.
    brandLight && !brandDark && `@media (prefers-color-scheme:dark){:root:not([data-theme='light']){${OUR_OWN}}}`,
    brandDark && `@media (prefers-color-scheme:dark){:root:not([data-theme='light']){${tokens(brandDark, 'dark')}}}`,
  ]
    .filter(Boolean)
    .join('')
  const whole = `@layer tokens{${text}}\n`
  const digest = createHash('sha256').update(whole).digest('base64url').slice(0, 22)
  made = { of, styles: { name: `${digest}.css`, text: whole } }
  return made.styles
}

/** Of page.css, for dark pages. */
const OUR_OWN = '--brand:#5cc3d1;--brand-strong:#86d6e0;--brand-tint:#12333a;--on-brand:#06262c'

function tokens(colour: string, scheme: Scheme): string {
  const { brand, strong, tint, on } = brandOf(colour, scheme)
  return `--brand:${brand};--brand-strong:${strong};--brand-tint:${tint};--on-brand:${on}`
}
