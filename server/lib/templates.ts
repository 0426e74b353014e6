/**
 * Pages and mails. Every template is read from disk and compiled once, when the server starts; nothing in a request can name, add or change
 * one. Templates branch and loop and never compute. Handlebars is imported only here.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import Handlebars from 'handlebars'
import { projectRoot } from './root.ts'
import { words } from './words.ts'

export interface MailParts {
  subject: string
  text: string
  html: string
}

type Template = Handlebars.TemplateDelegate
type Options = Handlebars.HelperOptions

const ENDING = '.hbs'
const folder = join(projectRoot, 'views')
const engine = Handlebars.create()

engine.registerHelper({
  /** Words in the page's language, with the holes given by name: {{t "messages:files" count=files}} */
  t: (key: string, { data, hash }: Options) => words(data.root.lang)(key, hash as Record<string, unknown>),
  eq: (one: unknown, other: unknown) => one === other,
  not: (value: unknown) => Handlebars.Utils.isEmpty(value) || value === false,
  or: (...values: unknown[]) =>
    values.slice(0, -1).find((value) => !Handlebars.Utils.isEmpty(value) && value !== false) ?? false,
})

const pages = new Map<string, Template>()
const mails = new Map<string, Template>()
for (const name of templateNames()) {
  if (name.startsWith('emails/')) mails.set(name, compile(name))
  else if (/^(layouts|partials)\//.test(name)) engine.registerPartial(name, compile(name))
  else pages.set(name, compile(name))
}

/** @param name a file under views without its ending, such as `messages/inbox` @throws Error when the view lacks something that the template shows */
export function renderPage(name: string, view: object): string {
  return render(pages, name, view)
}

/** The three parts of the mail views/emails/<name>. */
export function renderMail(name: string, view: object): MailParts {
  const [subject, text, html] = ['subject', 'text', 'html'].map((part) =>
    render(mails, `emails/${name}.${part}`, { lang: 'en', ...view }),
  )
  // One line, whatever a name may hold: a line break in a subject would begin another header.
  return { subject: subject!.replace(/[\r\n\u2028\u2029]+/g, ' ').trim(), text: text!, html: html! }
}

function render(templates: Map<string, Template>, name: string, view: object): string {
  const template = templates.get(name)
  if (!template) throw new Error(`there is no template ${name}`)
  return template(view)
}

function templateNames(): string[] {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(
    (file) => file.isFile() && file.name.endsWith(ENDING),
  )
  return files.map((file) =>
    relative(folder, join(file.parentPath, file.name)).slice(0, -ENDING.length).split(sep).join('/'),
  )
}

function compile(name: string): Template {
  const options = {
    // A value that the view forgot is an error, not a gap on the page.
    strict: true,
    // A partial sees what it is given and nothing of the page around it.
    explicitPartialContext: true,
    knownHelpers: { t: true, eq: true, not: true, or: true },
    knownHelpersOnly: true,
    // An indented partial would indent the lines of what somebody wrote.
    preventIndent: true,
    // Plain text is not HTML. This is the only place where escaping is off, and no HTML template comes here.
    noEscape: name.startsWith('emails/') && !name.endsWith('.html'),
  }
  const source = readFileSync(join(folder, name + ENDING), 'utf8')
  // Handlebars compiles at the first use; a template that does not compile is found now.
  engine.precompile(source, options)
  return engine.compile(source, options)
}
