/**
 * What only the running page shows: sent into the browser as text, so each function uses nothing from around it. The few parts of the DOM that
 * are touched are declared here, because the server's own types know no document.
 */

interface Box {
  width: number
  height: number
}

interface Style {
  outlineStyle: string
  outlineWidth: string
}

interface Element {
  className: string
  outerHTML: string
  textContent: string
  href: string
  parentElement: Element
  attributes: Iterable<{ name: string }>
  focus(): void
  closest(selector: string): Element | null
  matches(selector: string): boolean
  querySelector(selector: string): Element | null
  getBoundingClientRect(): Box
}

declare const document: {
  title: string
  activeElement: Element
  documentElement: Element
  body: Element
  querySelector(selector: string): Element | null
  querySelectorAll(selector: string): Iterable<Element>
}
declare function getComputedStyle(element: Element): Style

export function isFocusedOnSkipLink() {
  return document.activeElement.matches('a.skip[href="#main"]')
}

/** The page has a place that takes the focus at once: a summary of errors, the heading after something was done, a part of the page that was asked for. */
export function takesFocus() {
  return document.querySelector('[autofocus], :target, dialog:modal') !== null
}

export function isSkipLinkFirst() {
  return (
    document.querySelector('a[href], button, input:not([type=hidden]), select, textarea, summary')?.className === 'skip'
  )
}

/** What can be reached by Tab and shows nothing when it is. The last key must have been one of the keyboard. */
export function withoutFocusRing(): string[] {
  const found: string[] = []
  const all = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]'
  for (const element of document.querySelectorAll(all)) {
    const box = element.getBoundingClientRect()
    // An open question holds the focus; what is behind it waits.
    if (document.querySelector('dialog:modal') && !element.closest('dialog:modal')) continue
    if (box.width === 0 || (element.closest('details:not([open])') && !element.matches('summary'))) continue
    element.focus()
    const { outlineStyle, outlineWidth } = getComputedStyle(element)
    if (document.activeElement !== element) found.push(`takes no focus: ${element.outerHTML.slice(0, 90)}`)
    else if (outlineStyle === 'none' || parseFloat(outlineWidth) < 2)
      found.push(`no ring: ${element.outerHTML.slice(0, 90)}`)
  }
  return found
}

/** Links that stand by themselves on a patient's page and are lower than a finger: 44 px. Links in a sentence, and the try-out's banner, may be. */
export function smallLinks(): string[] {
  const found: string[] = []
  if (!document.documentElement.matches('.patient')) return found
  for (const link of document.querySelectorAll('a[href]')) {
    if (link.closest('.demo') || link.matches('.skip') || link.matches('[href^="tel:"]')) continue
    const { width, height } = link.getBoundingClientRect()
    const around = link.closest('p, li, dd, span')
    const inSentence = around !== null && around.textContent.trim().length > link.textContent.trim().length + 1
    if (width > 0 && !inSentence && height < 43.9)
      found.push(`${Math.round(height)} px: ${link.outerHTML.slice(0, 90)}`)
  }
  return found
}

/** The things that every page has to have, and those that none may have. */
export function missingParts(): string[] {
  const found: string[] = []
  const footer = document.querySelector('footer.help-line')
  if (!footer?.querySelector('a[href^="tel:"]')) found.push('no phone in the footer')
  if (!footer?.querySelector('a[href="/help"]')) found.push('no help in the footer')
  if (!document.title.endsWith('Riverside Clinic')) found.push(`the title does not end in the name: ${document.title}`)
  if (document.querySelector('.summary') && !document.title.startsWith('Error: '))
    found.push('errors, and the title does not say so')
  if (!document.querySelector('.summary') && document.title.startsWith('Error: '))
    found.push('the title says error, and there is no summary')
  for (const element of document.querySelectorAll('*'))
    for (const { name } of element.attributes)
      if (name === 'style' || name.startsWith('on')) found.push(`${name}: ${element.outerHTML.slice(0, 90)}`)
  for (const script of document.querySelectorAll('script'))
    if (script.textContent !== '') found.push('a script in the page')
  return found
}
