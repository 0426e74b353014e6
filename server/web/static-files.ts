import { join } from 'node:path'
import compression from 'compression'
import express, { type RequestHandler } from 'express'
import { projectRoot } from '../lib/root.ts'

/**
 * Styles, scripts and icons. The only answers that a browser may keep, and the only ones that are compressed: pages hold secrets beside what
 * others can choose, and the length of a compressed page would tell of them (BREACH). Dot files and folders' lists do not exist.
 */
export function staticFiles(): RequestHandler[] {
  return [compression(), files()]
}

function files() {
  return express.static(join(projectRoot, 'static'), {
    dotfiles: 'ignore',
    index: false,
    redirect: false,
    setHeaders: (response) => response.setHeader('Cache-Control', 'public, max-age=300'),
  })
}
