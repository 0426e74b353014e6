/** A form as it stands, without looking at the page first: fifty of them leave at once. */
import type { Answer, Visitor } from '../../support/visitor.ts'

export function postForm(visitor: Visitor, path: string, fields: Record<string, string>): Promise<Answer> {
  return visitor.ask(path, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(fields).toString(),
  })
}
