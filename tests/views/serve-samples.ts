/** Serves every sample under the headers that the product sends, so that a browser can look at it. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { dirname, extname, join } from 'node:path'
import { renderPage } from '../../server/lib/templates.ts'
import { projectRoot } from '../../server/lib/root.ts'
import { samples } from '../support/page-samples.ts'

export const POLICY =
  "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

const TYPES: Record<string, string> = { '.css': 'text/css', '.js': 'text/javascript', '.svg': 'image/svg+xml' }
const PICTURE =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 300" width="400" height="300"><rect width="400" height="300" fill="#cfe0d8"/><circle cx="300" cy="80" r="34" fill="#f4d58d"/><path d="M0 300l130-150 80 90 60-60 130 120z" fill="#5f8f7b"/></svg>'

/** As server/web/static-files.ts serves it: from its package. */
const LIBRARY_OF_PASSKEYS = join(
  dirname(createRequire(import.meta.url).resolve('@simplewebauthn/browser')),
  '../dist/bundle/index.umd.min.js',
)

/** `addressOf(n)` is where sample n stands. */
export async function serveSamples() {
  const asked: string[] = []
  const server = createServer((request, response) => {
    const path = request.url ?? '/'
    asked.push(path)
    response.setHeader('Content-Security-Policy', POLICY)
    const sample = samples[Number(/^\/sample\/(\d+)$/.exec(path)?.[1] ?? -1)]
    if (sample) return response.setHeader('Content-Type', 'text/html; charset=utf-8').end(renderPage(sample.template, sample.view))
    // What the sign-in's page asks for by itself: options that no device takes up.
    if (path === '/sign-in/passkey') return response.setHeader('Content-Type', 'application/json').end('{}')
    if (path === '/sample-picture.svg') return response.setHeader('Content-Type', 'image/svg+xml').end(PICTURE)
    const type = path.startsWith('/static/') && !path.includes('..') ? TYPES[extname(path)] : undefined
    const file = path === '/static/js/simplewebauthn.js' ? LIBRARY_OF_PASSKEYS : join(projectRoot, path)
    if (type) return response.setHeader('Content-Type', type).end(readFileSync(file))
    response.writeHead(404).end()
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as AddressInfo
  return {
    asked,
    origin: `http://127.0.0.1:${port}`,
    addressOf: (at: number) => `http://127.0.0.1:${port}/sample/${at}`,
    stop: () => new Promise((stopped) => (server.closeAllConnections(), server.close(stopped))),
  }
}
