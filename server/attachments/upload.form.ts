import { BadInput } from '../errors.ts'
import { typed } from '../lib/form.ts'

/** What a page's script says of a file that it is going to send. @throws BadInput for what no script of ours says */
export function uploadForm(body: unknown): { name: string; size: number } {
  const size = typed(body, 'size')
  if (!/^\d{1,15}$/.test(size)) throw new BadInput('a size is not a number')
  return { name: typed(body, 'name').slice(0, 5000), size: Number(size) }
}
