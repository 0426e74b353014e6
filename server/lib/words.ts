/**
 * The words of pages and mails: catalogues under views/words/<language>/<feature>.json, asked for as `feature:key`. Escaping is left to the
 * templates, which escape everything. i18next is imported only here.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { createInstance } from 'i18next'
import { config } from '../config.ts'
import { projectRoot } from './root.ts'

export type Words = (key: string, values?: Record<string, unknown>) => string

const FALLBACK = 'en'
const folder = join(projectRoot, 'views', 'words')
const languages = readdirSync(folder)

const catalogues = createInstance({
  initAsync: false,
  lng: FALLBACK,
  fallbackLng: FALLBACK,
  supportedLngs: languages,
  ns: readdirSync(join(folder, FALLBACK)).map((file) => basename(file, '.json')),
  resources: Object.fromEntries(languages.map((language) => [language, readCatalogues(language)])),
  returnObjects: false,
  interpolation: { escapeValue: false },
  parseMissingKeyHandler: (key: string) => missing(`no words for ${key}`, key),
  missingInterpolationHandler: (text: string, [hole]: RegExpExecArray) =>
    missing(`no value for ${hole} in "${text}"`, ''),
})
void catalogues.init()

/** The words of one language; one that has no catalogues gets English. */
export function words(language: string): Words {
  const known = languages.includes(language) ? language : FALLBACK
  const made = ofLanguage.get(known) ?? wordsOf(known)
  ofLanguage.set(known, made)
  return made
}

// A page asks for some fifty words, and finding the catalogues again takes longer than looking one up.
const ofLanguage = new Map<string, Words>()

function wordsOf(language: string): Words {
  const translate = catalogues.getFixedT(language)
  return (key, values = {}) => translate(key, values)
}

/** A mistake of ours: an error for us, but nobody who is ill loses a whole page for it. */
function missing(problem: string, instead: string): string {
  if (!config().production) throw new Error(problem)
  return instead
}

function readCatalogues(language: string) {
  const files = readdirSync(join(folder, language))
  return Object.fromEntries(
    files.map((file) => [
      basename(file, '.json'),
      JSON.parse(readFileSync(join(folder, language, file), 'utf8')) as object,
    ]),
  )
}

/** The languages that have every catalogue of English, and every word in each. */
export function completeLanguages(): { code: string; name: string }[] {
  const keysOf = (language: string) => keysIn(catalogues.getDataByLanguage(language) ?? {})
  const needed = keysOf(FALLBACK)
  return languages
    .filter((language) => {
      const known = new Set(keysOf(language))
      return needed.every((key) => known.has(key))
    })
    .map((code) => ({ code, name: new Intl.DisplayNames([code], { type: 'language' }).of(code) ?? code }))
}

/** Words in several forms of number count by their first part, because languages have different forms. */
function keysIn(words: object, before = ''): string[] {
  return Object.entries(words).flatMap(([key, value]) =>
    typeof value === 'string'
      ? [`${before}${key}`.replace(/_(zero|one|two|few|many|other)$/, '')]
      : keysIn(value as object, `${before}${key}.`),
  )
}
