/** Every page and mail, in every state, as text: what must stand in each, and what must not. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, test } from 'node:test'
import { projectRoot } from '../../server/lib/root.ts'
import { renderMail, renderPage } from '../../server/lib/templates.ts'
import { words } from '../../server/lib/words.ts'
import { mailSamples, samples } from '../support/page-samples.ts'
import { readingGrade } from './reading-grade.ts'

const pages = samples.map(({ name, template, view }) => ({ name, template, view, html: renderPage(template, view) }))

describe('every page', () => {
  for (const { name, view, html } of pages) {
    test(`${name}: well made`, () => {
      assert.match(html, /^<!doctype html>/)
      assert.match(html, new RegExp(`<html lang="${view.lang}" dir="${view.dir}"`))
      assert.equal([...html.matchAll(/<h1[ >]/g)].length, 1, 'one h1')
      headingsInOrder(html)
      const title = /<title>(.*)<\/title>/.exec(html)![1]!
      assert.ok(title.endsWith(view.organisation.name), title)
      assert.equal(title.startsWith('Error: '), view.errors.length > 0, title)
      assert.equal(title.includes('[Demo]'), view.tryOut)
      for (const part of ['<header', '<main', '<footer']) assert.equal(html.split(part).length > 1, true, part)
      assert.doesNotMatch(html, /\[object|undefined|NaN/)
    })

    test(`${name}: nothing that the policy forbids`, () => {
      assert.doesNotMatch(html, / style=| on[a-z]+=|<style|javascript:|data:[a-z]/i)
      for (const [, attributes, content] of html.matchAll(/<script([^>]*)>([\s\S]*?)<\/script>/g)) {
        assert.match(attributes!, /type="module" src="\/static\/js\//)
        assert.equal(content, '')
      }
      for (const [, address] of html.matchAll(/(?:href|src|action)="([^"]*)"/g)) assert.match(address!, /^(\/(?!\/)|#|tel:|otpauth:)/)
    })

    test(`${name}: forms that tell what they want`, () => {
      fieldsHaveLabels(html)
      for (const [, attributes, content] of html.matchAll(/<form([^>]*)>([\s\S]*?)<\/form>/g)) {
        if (/action="\/sign-out"/.test(attributes!)) continue
        assert.match(attributes!, /novalidate/)
        if (/method="post"/.test(attributes!)) assert.match(content!, /^\s*<input type="hidden" name="_csrf"/, 'the token comes first')
      }
      assert.doesNotMatch(html, / required| maxlength=|placeholder=|type="number"|onpaste/)
      for (const error of view.errors) {
        assert.ok(html.includes(`id="${error.field}-error"`), `${error.field} says what is wrong`)
        assert.equal(html.split(escaped(error.text)).length, 3, 'the summary and the field say the same')
        assert.ok(html.includes(`id="${error.href.slice(1)}"`), 'the summary leads to the field')
      }
      const described = [...html.matchAll(/aria-(?:describedby|labelledby|controls)="([^"]*)"/g)].flatMap(([, ids]) => ids!.split(' '))
      for (const id of described) assert.ok(html.includes(`id="${id}"`), `${id} stands on the page`)
      const ids = [...html.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id)
      assert.deepEqual(ids, [...new Set(ids)], 'each id once')
    })

    test(`${name}: plain words`, () => {
      const text = html.replace(/<(script|code|pre|textarea)[\s\S]*?<\/\1>/g, '').replace(/<[^>]+>/g, ' ')
      assert.doesNotMatch(text, /\bauthenticate\b|\bcredentials?\b|encrypted payload|\binvalid\b|\boops\b|\buser\b/i)
      const { words: count, grade } = readingGrade(html)
      if (count >= 100 && html.includes('class="patient"')) assert.ok(grade <= 8, `grade ${grade.toFixed(1)} for ${count} words`)
    })
  }

  test('pages of different kinds have different titles', () => {
    const titles = new Map<string, Set<string>>()
    for (const { template, html } of pages) {
      if (template === 'errors/error') continue
      const title = /<title>(?:Error: )?(.*)<\/title>/.exec(html)![1]!
      titles.set(title, (titles.get(title) ?? new Set()).add(template))
    }
    for (const [title, templates] of titles) assert.equal(templates.size, 1, `${title}: ${[...templates].join(', ')}`)
  })

  test('help pages hold at least a hundred words and name phone and hours', () => {
    for (const { name, html, view } of pages.filter(({ template }) => template.startsWith('help/'))) {
      assert.ok(readingGrade(html).words >= 100, name)
      assert.ok(html.includes(view.organisation.phone) && html.includes(view.organisation.hours), name)
    }
  })

  test('the help stands at the same place on every page', () => {
    const footers = pages.map(({ html }) => /<footer class="help-line">[\s\S]*?<\/ul>/.exec(html)![0])
    assert.equal(new Set(footers).size, 1)
  })

  test('every page of somebody who is signed in has a button to sign out', () => {
    const theirs = pages.filter(({ view }) => view.person !== null)
    assert.ok(theirs.length > 20)
    assert.deepEqual(
      theirs.filter(({ html }) => !/<form method="post" action="\/sign-out"/.test(html)).map(({ name }) => name),
      [],
    )
  })

  test('every template has a sample', () => {
    const files = readdirSync(join(projectRoot, 'views'), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.hbs'))
    const named = files.map((file) => file.slice(0, -'.hbs'.length)).filter((file) => !/^(partials|layouts|emails)\//.test(file))
    assert.deepEqual(
      named.filter((name) => !samples.some(({ template }) => template === name)),
      [],
    )
  })
})

describe('the words', () => {
  /** What the code asks for: a whole key, or one with holes, as `reports:acts.${act}`. */
  const asked = ['server', 'views', 'scripts']
    .flatMap((folder) => readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(projectRoot, folder, file)))
    .filter((file) => /\.(ts|hbs)$/.test(file))
    .flatMap((file) => [...readFileSync(file, 'utf8').matchAll(/(['"`])([a-z-]+:[^'"`\s]+(?:\$\{[^}`]*\}[^'"`\s]*)*)\1/g)])
    .map((match) => new RegExp(`^${match[2]!.replace(/\$\{[^}]*\}/g, '.+').replace(/\.(?!\+)/g, '\\.')}(_[\\w-]+)*$`))

  const keysOf = (words: object, path: string): string[] =>
    Object.entries(words).flatMap(([name, word]) => (typeof word === 'string' ? [path + name] : keysOf(word as object, `${path}${name}.`)))

  test('are all used', () => {
    const folder = join(projectRoot, 'views/words/en')
    const keys = readdirSync(folder).flatMap((file) => keysOf(JSON.parse(readFileSync(join(folder, file), 'utf8')) as object, `${file.replace('.json', '')}:`))
    assert.ok(keys.length > 500)
    assert.deepEqual(keys.filter((key) => !asked.some((pattern) => pattern.test(key))), [])
  })
})

describe('templates', () => {
  test('Handlebars: {{constructor...}}, AST object instead of string, polluted partial -> templates only from disk, compiled at start', () => {
    const sample = samples.find(({ name }) => name === 'messages/thread, for a patient')!
    for (const typed of ['{{constructor.constructor "return process"}}', '{{#with this}}{{/with}}', '{{> layouts/document}}', '<script>alert(1)</script>']) {
      const html = renderPage(sample.template, { ...sample.view, subject: typed })
      assert.ok(html.includes(`<h1>${escaped(typed)}</h1>`), typed)
    }
    for (const notAName of [{ type: 'Program', body: [] }, ['messages/inbox'], '{{title}}', '../package.json', 'layouts/document', 'partials/field', 'emails/notice.html'])
      assert.throws(() => renderPage(notAName as string, sample.view), /there is no template/)
    const polluted = Object.prototype as Record<string, unknown>
    try {
      polluted['partials/evil'] = '<b>evil</b>'
      polluted['partials/icon'] = '<b>evil</b>'
      polluted['subject'] = '<b>evil</b>'
      const { subject: _, ...without } = sample.view as unknown as Record<string, unknown>
      assert.doesNotMatch(renderPage(sample.template, sample.view), /<b>evil/)
      assert.doesNotMatch(renderPage(sample.template, without), /evil/, 'what stands on a prototype is not the page’s')
    } finally {
      for (const name of ['partials/evil', 'partials/icon', 'subject']) delete polluted[name]
    }
  })

  test('Template name/layout from query or cookie -> ignored', () => {
    const sample = samples.find(({ name }) => name === 'help/help')!
    const asked = { ...sample.view, layout: 'mail', template: 'errors/error', name: 'errors/error', '@partial-block': 'x', partials: { 'partials/icon': 'x' } }
    assert.equal(renderPage(sample.template, asked), renderPage(sample.template, sample.view))
  })

  test('a value that the view forgot stops the page', () => {
    const { view } = samples.find(({ name }) => name === 'sign-in/landing')!
    const { maskedAddress: _, ...without } = view as unknown as Record<string, unknown>
    assert.throws(() => renderPage('sign-in/landing', without), /maskedAddress/)
  })

  test('nothing is written without escaping', () => {
    for (const file of readdirSync(join(projectRoot, 'views'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.hbs')))
      assert.doesNotMatch(readFileSync(join(projectRoot, 'views', file), 'utf8'), /\{\{\{|\{\{~?&/, file)
  })

  test('each begins by saying what it needs', () => {
    for (const file of readdirSync(join(projectRoot, 'views'), { recursive: true, encoding: 'utf8' }).filter((name) => /\.hbs$/.test(name) && !/\.(text|subject)\.hbs$/.test(name)))
      assert.match(readFileSync(join(projectRoot, 'views', file), 'utf8'), /^\{\{! /, file)
  })

  test('words that are missing, or a value for them, are an error for us', () => {
    const t = words('en')
    assert.equal(t('messages:files.count', { count: 2 }), '2 files')
    assert.equal(t('messages:files.count', { count: 1 }), '1 file')
    assert.throws(() => t('messages:nothing.here'), /no words for/)
    assert.throws(() => t('messages:thread.with'), /no value for/)
    assert.equal(words('xx')('layout:print'), 'Print')
  })
})

describe('mails', () => {
  for (const { name, template, view } of mailSamples) {
    test(`${name}: one link, the same words in text and HTML, nothing to fetch`, () => {
      const { subject, text, html } = renderMail(template, view)
      const { link, organisation } = view as { link: string; organisation: { name: string; phone: string; hours: string } }
      assert.ok(subject.length <= 60 && subject.split(' ').length <= 9, subject)
      assert.deepEqual(
        [...html.matchAll(/<a href="([^"]*)">([^<]*)<\/a>/g)].map(([, href, shown]) => [href, shown]),
        [[link, link]],
      )
      assert.equal(text.split(link).length, 2)
      assert.doesNotMatch(html, /<img|<link|@import|url\(|src=| style=|<script/i)
      const body = /<main>([\s\S]*)<\/main>/.exec(html)![1]!.replace(/<[^>]+>/g, '')
      assert.deepEqual(readable(body), readable(text))
      for (const told of [organisation.name, organisation.phone, organisation.hours]) assert.ok(text.includes(told))
    })
  }

  test('a notice is named after the organisation and nothing else', () => {
    const { view } = mailSamples[0]!
    assert.equal(renderMail('notice', view).subject, 'You have a secure message from Riverside Clinic')
  })

  test('a line break in a name begins no other header, and its marks are no HTML', () => {
    const name = 'Clinic\r\nBcc: all@example.org <b>&'
    const { subject, html, text } = renderMail('notice', { ...mailSamples[0]!.view, organisation: { name, phone: '1', hours: '2' } })
    assert.doesNotMatch(subject, /[\r\n]/)
    assert.doesNotMatch(html, /<b>/)
    assert.ok(text.includes('<b>&'), 'plain text stays plain')
  })
})

describe('weight', () => {
  const weigh = (...files: string[]) => files.reduce((sum, file) => sum + gzipSync(readFileSync(join(projectRoot, file))).length, 0)
  const all = (folder: string) => readdirSync(join(projectRoot, folder)).map((file) => `${folder}/${file}`)

  test('styles weigh at most 12 KB and scripts 10 KB', () => {
    // What only the console loads is weighed by itself.
    const [consoles, everybodys] = [true, false].map((own) => all('static/css').filter((file) => file.endsWith('/console.css') === own))
    assert.ok(weigh(...everybodys!) <= 12 * 1024)
    assert.ok(weigh(...consoles!) <= 3 * 1024)
    // What sends large files is fetched when somebody has chosen one.
    const onPages = all('static/js').filter((file) => !file.endsWith('/upload-pieces.js'))
    assert.ok(weigh(...onPages) <= 10 * 1024)
    assert.ok(weigh('static/js/upload-pieces.js') <= 4 * 1024)
  })

  test("a patient's first page weighs at most 30 KB with everything that it loads", () => {
    for (const { name, html } of pages) {
      const loaded = [...new Set([...html.matchAll(/(?:href|src)="\/(static\/[^"#]+)/g)].map(([, file]) => file!))]
      const total = gzipSync(html).length + weigh(...loaded)
      assert.ok(total <= 30 * 1024, `${name}: ${total} bytes`)
    }
  })

  test('what pages link to exists, and styles fetch nothing', () => {
    for (const { html } of pages) for (const [, file] of html.matchAll(/"\/(static\/[^"#]+)/g)) assert.doesNotThrow(() => weigh(file!), file)
    const drawn = new Set([...readFileSync(join(projectRoot, 'static/icons.svg'), 'utf8').matchAll(/<symbol id="([^"]+)"/g)].map(([, id]) => id))
    for (const { html } of pages) for (const [, id] of html.matchAll(/icons\.svg#([^"]+)"/g)) assert.ok(drawn.has(id!), `there is no drawing ${id}`)
    for (const file of all('static/css')) assert.doesNotMatch(readFileSync(join(projectRoot, file), 'utf8'), /@import|url\(|data:/, file)
  })

  test('styles know no left and no right, so that they mirror by themselves', () => {
    for (const file of all('static/css')) {
      const css = readFileSync(join(projectRoot, file), 'utf8')
      assert.doesNotMatch(css, /(?:margin|padding|border|inset)-(?:left|right|top|bottom)|text-align: (?:left|right)|^\s*(?:left|right|top|bottom):|float: (?:left|right)/m, file)
    }
  })
})

function headingsInOrder(html: string) {
  const levels = [...html.matchAll(/<h([1-6])[ >]/g)].map(([, level]) => Number(level))
  // What stands above the h1 (the summary of errors, a notice) is an h2 of the page as a whole.
  for (const [at, level] of levels.entries()) assert.ok(level <= 2 || level <= levels[at - 1]! + 1, `h${levels[at - 1]} then h${level}`)
}

function fieldsHaveLabels(html: string) {
  for (const [control] of html.matchAll(/<(?:input|select|textarea)\b[^>]*>/g)) {
    if (control.includes('type="hidden"')) continue
    const id = / id="([^"]+)"/.exec(control)?.[1]
    assert.ok(id && html.includes(`<label for="${id}">`), control)
  }
}

function escaped(text: string) {
  const marks: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#x27;', '`': '&#x60;', '=': '&#x3D;' }
  return text.replace(/[&<>"'`=]/g, (mark) => marks[mark]!)
}

function readable(text: string) {
  const plain = text.replace(/&#x27;/g, "'").replace(/&quot;/g, '"').replace(/&#x3D;/g, '=').replace(/&amp;/g, '&')
  return plain.split(/\s+/).filter(Boolean)
}
