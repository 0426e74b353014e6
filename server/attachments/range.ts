/** Which part of a file a download asks for (RFC 9110 section 14): one part, the whole, or none that there is. */
import { createHash } from 'node:crypto'

export interface Range {
  from: number
  /** The first byte that is not wanted any more. */
  to: number
}

/**
 * @param asked the header `Range`, if any, and `If-Range` @param tag the file's own, see `tagOf`
 * @returns `whole` when it asks for no part, or for one of a file that it knew otherwise; `none` for what is not there, and for several parts at
 * once, which no program needs that saves a file and which would multiply what one request costs
 */
export function rangeOf(
  { range, ifRange }: { range: string | undefined; ifRange: string | undefined },
  tag: string,
  size: number,
): Range | 'whole' | 'none' {
  if (range === undefined || !/^bytes=/i.test(range) || (ifRange !== undefined && ifRange !== tag)) return 'whole'
  const [, first = '', last = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/i.exec(range.slice(0, 100)) ?? []
  if (first === '' && last === '') return 'none'
  const from = first === '' ? Math.max(0, size - Number(last)) : Number(first)
  const to = first === '' || last === '' ? size : Math.min(size, Number(last) + 1)
  return from < to ? { from, to } : 'none'
}

/** A strong tag: an attachment never changes. It says nothing but that it is the same one. */
export function tagOf(id: string): string {
  return `"${createHash('sha256').update(`attachment/${id}`).digest('base64url').slice(0, 22)}"`
}
