/**
 * node dist/scripts/pack-common-passwords.js LIST: makes server/sign-in/common-passwords.txt.br from a list of common passwords, one a line (see
 * common-passwords.md beside it): those that could be chosen here, small, once each, in order.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync } from 'node:zlib'
import { projectRoot } from '../server/lib/root.ts'
import { SHORTEST } from '../server/sign-in/easy-password.ts'

const list = process.argv[2]
if (!list) throw new Error('Which list? One password a line.')
const lines = readFileSync(list, 'utf8').split(/\r?\n/)
const chosen = lines.map((line) => line.normalize('NFC').toLowerCase()).filter((word) => [...word].length >= SHORTEST)
const words = [...new Set(chosen)].sort()
const packed = brotliCompressSync(words.join('\n'))
writeFileSync(join(projectRoot, 'server/sign-in/common-passwords.txt.br'), packed)
process.stdout.write(`${words.length} of ${lines.length} passwords, ${Math.round(packed.length / 1000)} KB\n`)
