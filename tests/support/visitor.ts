/** Somebody with a browser that has no scripts: keeps cookies, reads pages, sends their forms with the token that is in them. */
import { request as send, type IncomingHttpHeaders } from 'node:http'
import { codeOf, type Person } from './cast.ts'
import type { TestServer } from './server.ts'

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: string
  bytes: Buffer
  /** The page's first heading, without tags. */
  h1: string
  location: string
}

export interface Ask {
  method?: string
  headers?: Record<string, string>
  body?: string | Buffer
}

export interface TestFile {
  name: string
  type: string
  bytes: Buffer
}

export class Visitor {
  readonly cookies = new Map<string, string>()
  private readonly server: Pick<TestServer, 'port'>
  constructor(server: Pick<TestServer, 'port'>) {
    this.server = server
  }

  /** One request, as is: no redirect is followed. */
  ask(path: string, { method = 'GET', headers = {}, body }: Ask = {}): Promise<Answer> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const host = `localhost:${this.server.port}`
    return new Promise((done, fail) => {
      const outgoing = send(
        {
          host: '127.0.0.1',
          port: this.server.port,
          path,
          method,
          headers: { host, ...(cookie ? { cookie } : {}), ...headers },
        },
        (incoming) => {
          const chunks: Buffer[] = []
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
          incoming.on('error', fail)
          incoming.on('end', () => {
            this.keepCookies(incoming.headers['set-cookie'] ?? [])
            const bytes = Buffer.concat(chunks)
            const text = bytes.toString()
            const h1 = /<h1[^>]*>([\s\S]*?)<\/h1>/.exec(text)?.[1] ?? ''
            done({
              status: incoming.statusCode!,
              headers: incoming.headers,
              body: text,
              bytes,
              h1: plain(h1),
              location: incoming.headers.location ?? '',
            })
          })
        },
      )
      outgoing.on('error', fail)
      outgoing.end(body)
    })
  }

  /** Opens a page and follows its redirects. */
  async open(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    let answer = await this.ask(path, { headers })
    for (let hops = 0; hops < 5 && [302, 303].includes(answer.status); hops++)
      answer = await this.ask(answer.location, { headers })
    return answer
  }

  /** Sends a form with the token of the page that it stands on. */
  async submit(page: string, action: string, fields: Record<string, string>): Promise<Answer> {
    return this.ask(action, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: `http://localhost:${this.server.port}` },
      body: new URLSearchParams({ _csrf: await this.tokenOn(page), ...fields }).toString(),
    })
  }

  /** Sends a form with files. */
  async upload(page: string, action: string, fields: Record<string, string>, files: TestFile[] = []): Promise<Answer> {
    const form = new FormData()
    form.set('_csrf', await this.tokenOn(page))
    for (const [name, value] of Object.entries(fields)) form.append(name, value)
    for (const file of files)
      form.append('files', new Blob([Uint8Array.from(file.bytes)], { type: file.type }), file.name)
    const encoded = new Response(form)
    return this.ask(action, {
      method: 'POST',
      headers: { 'content-type': encoded.headers.get('content-type')!, origin: `http://localhost:${this.server.port}` },
      body: Buffer.from(await encoded.arrayBuffer()),
    })
  }

  async tokenOn(page: string): Promise<string> {
    const { body, status } = await this.ask(page)
    const token = /name="_csrf" value="([^"]+)"/.exec(body)?.[1]
    if (!token) throw new Error(`no form on ${page} (${status})`)
    return token
  }

  /** Password, then code. */
  async signIn(person: Person): Promise<Answer> {
    const first = await this.submit('/sign-in', '/sign-in', { email: person.email, password: person.password })
    if (first.status !== 303) return first
    return this.submit('/sign-in/code', '/sign-in/code', { code: codeOf(person) })
  }

  private keepCookies(lines: string[]) {
    for (const line of lines) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (!name) continue
      if (/expires=Thu, 01 Jan 1970/i.test(line) || value === '') this.cookies.delete(name)
      else this.cookies.set(name, value!)
    }
  }
}

/** Signs somebody in who may have used the code of this moment already. */
export async function signedIn(server: TestServer, person: Person): Promise<Visitor> {
  await letCodesCountAgain(server)
  const visitor = new Visitor(server)
  const answer = await visitor.signIn(person)
  if (answer.status !== 303) throw new Error(`${person.email} could not sign in: ${answer.status} ${answer.h1}`)
  return visitor
}

/** Behind the product's back: forgets which codes were used and how often anybody tried, so that tests need not wait half a minute. */
export async function letCodesCountAgain(server: TestServer): Promise<void> {
  await server.sql('UPDATE credentials SET totp_last_step = 0')
  await server.sql('DELETE FROM rate_limits')
}

/** Text without tags and with its characters back. */
export function plain(html: string): string {
  return html
    .replace(/<[^>]+>/g, ' ')
    .replace(/&amp;/g, '&')
    .replace(/&#x27;/g, "'")
    .replace(/&quot;/g, '"')
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/\s+/g, ' ')
    .trim()
}
