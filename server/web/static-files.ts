import { join } from 'node:path'
import express from 'express'
import { projectRoot } from '../lib/root.ts'

/** Styles, scripts and icons. The only answers that a browser may keep; dot files and folders' lists do not exist. */
export function staticFiles() {
  return express.static(join(projectRoot, 'static'), {
    dotfiles: 'ignore',
    index: false,
    redirect: false,
    setHeaders: (response) => response.setHeader('Cache-Control', 'public, max-age=300'),
  })
}
