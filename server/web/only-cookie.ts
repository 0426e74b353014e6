import type { IncomingMessage } from 'node:http'

/** The value of a cookie that came exactly once and has the shape of ours; two of one name are as good as none. */
export function onlyCookie(request: Pick<IncomingMessage, 'headers'>, name: string, shape: RegExp): string | undefined {
  const values = (request.headers.cookie ?? '').split(/; */).filter((pair) => pair.startsWith(`${name}=`))
  const value = values.length === 1 ? values[0]!.slice(name.length + 1) : undefined
  return value && shape.test(value) ? value : undefined
}
