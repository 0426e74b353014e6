/**
 * Passwords that are easy to guess: common ones, and what is left of nothing once own words, runs and repeats are taken away. No rule of
 * composition (NIST SP 800-63B-4 section 3.1.1.2, OWASP ASVS 5.0 section 6.2). Nothing leaves this process: the list is a file of ours.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliDecompressSync } from 'node:zlib'
import { projectRoot } from '../lib/root.ts'

export const SHORTEST = 12
const LONGEST = 128

export type PasswordProblem = 'empty' | 'short' | 'long' | 'common' | 'own-words' | 'simple'

/**
 * What is wrong with a new password, if anything. Length is counted after NFC, as it is hashed.
 * @param ownWords what others know of the person: parts of name and address, the organisation's name
 */
export function problemOf(password: string, ownWords: readonly string[]): PasswordProblem | undefined {
  if (password === '') return 'empty'
  const length = lengthOf(password)
  if (length < SHORTEST) return 'short'
  if (length > LONGEST) return 'long'
  const small = password.normalize('NFC').toLowerCase()
  if (isCommon(small)) return 'common'
  const withoutCommon = without(small, WELL_KNOWN)
  if (isLittle(withoutCommon, small)) return 'common'
  const rest = without(withoutCommon, ownWords)
  if (isLittle(rest, withoutCommon)) return 'own-words'
  return [...withoutRepeats(withoutRuns(rest))].length < LEAST_LEFT ? 'simple' : undefined
}

/** In characters as a person counts them, more or less: code points of the composed form. */
export function lengthOf(password: string): number {
  return [...password.normalize('NFC')].length
}

let common: Set<string> | undefined

/** Whether it is among the common ones; `small` is in small letters. */
export function isCommon(small: string): boolean {
  return (common ??= readCommon()).has(small)
}

/** 44,000 words: some 20 ms once, 3.5 MB from then on. */
function readCommon() {
  const packed = readFileSync(join(projectRoot, 'server/sign-in/common-passwords.txt.br'))
  return new Set(brotliDecompressSync(packed).toString().split('\n'))
}

/** What people begin with when they are asked for a password; with a year behind it, it has twelve characters too. */
const WELL_KNOWN = [
  'password',
  'passwort',
  'contraseña',
  'letmein',
  'welcome',
  'iloveyou',
  'administrator',
  'letterlock',
]

/** With fewer characters than this beside what everybody can guess, the rest is guessed too. */
const LEAST_LEFT = 6

function without(text: string, words: readonly string[]): string {
  return words
    .map((word) => word.normalize('NFC').toLowerCase())
    .filter((word) => [...word].length > 2)
    .sort((a, b) => b.length - a.length)
    .reduce((left, word) => left.replaceAll(word, ''), text)
}

/** Whether words were taken away and little more than a date or a few signs is left. */
function isLittle(rest: string, whole: string): boolean {
  if (rest.length === whole.length) return false
  const bare = withoutRepeats(withoutRuns(rest))
  return [...bare].length < LEAST_LEFT || !/\p{L}/u.test(bare)
}

const ROWS = [
  'abcdefghijklmnopqrstuvwxyz',
  '01234567890',
  '1234567890',
  'qwertyuiop',
  'qwertzuiop',
  'asdfghjkl',
  'zxcvbnm',
]
const RUNS = ROWS.flatMap((row) => [row, [...row].toReversed().join('')])

/** Takes out runs of four or more along the alphabet, the digits or a row of keys, forwards and backwards. */
function withoutRuns(text: string): string {
  let rest = ''
  for (let at = 0; at < text.length;) {
    const length = Math.max(...RUNS.map((row) => runAt(text, at, row)))
    if (length < 4) rest += text[at]
    at += length < 4 ? 1 : length
  }
  return rest
}

function runAt(text: string, at: number, row: string): number {
  const start = row.indexOf(text[at]!)
  let length = 0
  while (start >= 0 && start + length < row.length && text[at + length] === row[start + length]) length++
  return length
}

/** Keeps one of what stands there several times in a row: one character or a short piece again and again. */
function withoutRepeats(text: string): string {
  return text.replace(/(.{1,16}?)\1+/gsu, '$1')
}
