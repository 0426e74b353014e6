import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import compression from 'compression'
import express, { type NextFunction, type Request, type RequestHandler, type Response } from 'express'
import { projectRoot } from '../lib/root.ts'

/**
 * Styles, scripts and icons. The only answers that a browser may keep, and the only ones that are compressed: pages hold secrets beside what
 * others can choose, and the length of a compressed page would tell of them (BREACH). Dot files and folders' lists do not exist.
 */
export function staticFiles(): RequestHandler[] {
  return [compression(), libraryOfPasskeys, files()]
}

// The library's own bundle, from its package: what runs in the browser is what was installed, without a copy that could grow old.
const bundle = join(
  dirname(createRequire(import.meta.url).resolve('@simplewebauthn/browser')),
  '../dist/bundle/index.umd.min.js',
)

function libraryOfPasskeys(request: Request, response: Response, next: NextFunction) {
  if (request.path !== '/js/simplewebauthn.js' || !['GET', 'HEAD'].includes(request.method)) return next()
  response.sendFile(bundle, { cacheControl: false, headers: { 'Cache-Control': KEPT } })
}

const KEPT = 'public, max-age=300'

function files() {
  return express.static(join(projectRoot, 'static'), {
    dotfiles: 'ignore',
    index: false,
    redirect: false,
    setHeaders: (response) => response.setHeader('Cache-Control', KEPT),
  })
}
