/**
 * What runs inside the browser's page. Each function is sent there as text, so it uses nothing from around it; the few parts of the DOM that are
 * touched are declared here, because the server's own types know no document.
 */

interface Box {
  width: number
  height: number
  right: number
}

interface Style {
  fontSize: string
  transitionDuration: string
  overflowX: string
  overflowY: string
  animationName: string
}

interface Element {
  id: string
  className: string
  outerHTML: string
  textContent: string
  type: string
  scrollWidth: number
  scrollHeight: number
  clientWidth: number
  clientHeight: number
  files: Iterable<{ name: string }>
  childNodes: Iterable<{ nodeType: number; textContent: string }>
  closest(selector: string): Element | null
  matches(selector: string): boolean
  getBoundingClientRect(): Box
  requestSubmit(): void
  addEventListener(name: string, listener: (event: { defaultPrevented: boolean; preventDefault(): void }) => void): void
}

declare const document: Element & {
  activeElement: Element
  documentElement: Element
  body: Element
  forms: Element[]
  adoptedStyleSheets: CSSStyleSheet[]
  querySelector(selector: string): Element
  querySelectorAll(selector: string): Iterable<Element>
}
declare class CSSStyleSheet {
  replaceSync(css: string): void
}
declare const innerWidth: number
declare function getComputedStyle(element: Element): Style
declare const axe: { run(how: object): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> }
declare function dispatchEvent(event: unknown): void
declare class PageTransitionEvent {
  constructor(name: string, about: { persisted: boolean })
}

/** What is wider than the window, and controls that are too small to hit. */
export function misfits(): string[] {
  const found: string[] = []
  const patient = document.documentElement.className === 'patient'
  if (document.documentElement.scrollWidth > innerWidth) found.push(`wider than the window: ${document.documentElement.scrollWidth}`)
  for (const element of document.querySelectorAll('main *, header *, footer *')) {
    if (element.closest('.scroll, svg, .unseen, thead')) continue
    const box = element.getBoundingClientRect()
    if (box.width > 0 && box.right > innerWidth + 1) found.push(`sticks out: ${element.outerHTML.slice(0, 80)}`)
  }
  for (const control of document.querySelectorAll(
    'button, .button, .quiet-button, select, textarea, input:not([type=hidden]), nav a, summary',
  )) {
    const box = control.getBoundingClientRect()
    // A box's label belongs to it: the two together are what one hits.
    const choice = control.matches('[type=checkbox], [type=radio]') ? control.closest('.choice')! : control
    const height = choice.getBoundingClientRect().height
    if (box.width > 0 && height < (patient ? 43.9 : 31.9))
      found.push(`too small to hit (${Math.round(height)}): ${control.outerHTML.slice(0, 80)}`)
  }
  return found
}

/** What no longer fits, or is cut off, in larger type or under a style sheet of the reader's. */
export function cutOff(css: string): string[] {
  const found: string[] = []
  const sheet = new CSSStyleSheet()
  sheet.replaceSync(css)
  document.adoptedStyleSheets = [sheet]
  if (document.documentElement.scrollWidth > innerWidth)
    found.push(`wider than the window: ${document.documentElement.scrollWidth}`)
  for (const element of document.querySelectorAll('body *')) {
    if (element.closest('.scroll, svg, .unseen, .skip, textarea, select, thead')) continue
    const { overflowX, overflowY } = getComputedStyle(element)
    const wide = ['hidden', 'clip'].includes(overflowX) && element.scrollWidth > element.clientWidth + 1
    const high = ['hidden', 'clip'].includes(overflowY) && element.scrollHeight > element.clientHeight + 1
    if (!element.matches('input') && (wide || high)) found.push(`cut off: ${element.outerHTML.slice(0, 80)}`)
    const box = element.getBoundingClientRect()
    if (box.width > 0 && box.right > innerWidth + 1) found.push(`sticks out: ${element.outerHTML.slice(0, 80)}`)
  }
  document.adoptedStyleSheets = []
  return found
}

/** What moves though less motion was asked for, and type that is too small. */
export function typeAndMotion(): string[] {
  const found: string[] = []
  for (const element of document.querySelectorAll('body *')) {
    const style = getComputedStyle(element)
    const moves = style.transitionDuration.split(', ').some((time) => time !== '0s') || style.animationName !== 'none'
    if (moves) found.push(`moves: ${element.outerHTML.slice(0, 80)}`)
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== '')
    if (hasText && !element.closest('script') && parseFloat(style.fontSize) < 14)
      found.push(`set in ${style.fontSize}: ${element.outerHTML.slice(0, 80)}`)
  }
  const size = parseFloat(getComputedStyle(document.body).fontSize)
  if (size < (document.documentElement.className === 'patient' ? 18 : 16)) found.push(`the page is set in ${size}px`)
  return found
}

/** What axe finds by these rules. */
export async function axeFindings(runOnly: { type: string; values: string[] }): Promise<string[]> {
  const { violations } = await axe.run({ runOnly, resultTypes: ['violations'] })
  return violations.map(({ id, nodes }) => `${id} ${nodes[0]?.html ?? ''}`)
}

export function focused() {
  const { id, className, textContent } = document.activeElement
  return { id, className, text: textContent }
}

export function passwordState() {
  const texts = ['[data-reveals]', '#password-shown'].map((selector) => document.querySelector(selector).textContent)
  return [document.querySelector('#password').type, ...texts]
}

export function chosenFiles() {
  return [...document.querySelector('#files').files].map(({ name }) => name)
}

export function keepFormsHere() {
  document.addEventListener('submit', (event) => event.preventDefault())
}

/** Sends the first form twice, comes back, and sends it again. @returns how often it went, before and after coming back */
export function pressTwiceAndComeBack(): [number, number] {
  let count = 0
  document.addEventListener('submit', (event) => {
    if (!event.defaultPrevented) count += 1
    event.preventDefault()
  })
  document.forms[0]!.requestSubmit()
  document.forms[0]!.requestSubmit()
  const before = count
  dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))
  document.forms[0]!.requestSubmit()
  return [before, count]
}
