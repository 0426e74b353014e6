/**
 * What each page is given, in every state: the shapes that the templates rely on, with a fictitious cast. tests/views renders all of them.
 * The phone numbers and addresses are ones that belong to nobody.
 */

import { eventMore, integrity, matches, nothingYet, oneEvent, overview, timeline } from './console-samples.ts'

export interface Moment {
  text: string
  iso: string
}

export interface FieldError {
  field: string
  href: string
  text: string
}

export type Tone = 'info' | 'ok' | 'warn' | 'bad' | 'plain'
export type FileKind = 'pdf' | 'picture' | 'text' | 'document'
export type Role = 'patient' | 'provider' | 'admin' | 'auditor'

export interface Link {
  href: string
  label: string
  waiting?: number
  current: boolean
}

export interface CountedLink extends Link {
  count: number | null
}

export interface Choice {
  value: string
  label: string
  selected: boolean
}

/** What every page is given. */
export interface EveryPage {
  lang: string
  dir: 'ltr' | 'rtl'
  title: string
  organisation: { name: string; phone: string; phoneHref: string; hours: string }
  /** The stylesheet of the organisation's colours, or empty. */
  brandHref: string
  /** How many alarms are open; 0 for whom it does not concern. */
  alarms: number
  tryOut: boolean
  person: null | { name: string; role: Role }
  nav: Link[]
  csrf: string
  signOut: boolean
  lastSignIn: null | { day: string; time: string }
  timeLeft: null | { idle: number; last: number }
  posted: boolean
  errors: FieldError[]
  path: string
}

export interface FileRow {
  name: string
  kind: FileKind
  /** "PDF, 184 KB" */
  details: string
  /** The address of a small picture, or empty. */
  thumbnail: string
  href: string
  /** Empty while nobody gets it. */
  downloadHref: string
  state: { tone: Tone; text: string } | null
}

/** A file that waits in a draft. */
export interface AddedFile {
  id: string
  name: string
  details: string
  state: { tone: Tone; text: string } | null
  /** When the photo says where it was taken. */
  place: { removable: boolean } | null
}

export interface Limits {
  files: number
  /** "25 MB" */
  fileSize: string
  bytes: number
  characters: number
  /** "a photo (JPEG, PNG, HEIC), a PDF, a text or an office file" */
  kinds: string
  accept: string
}

export interface TimelineStep {
  text: string
  at: Moment | null
  tone: Tone
}

export interface LetterView {
  id: string
  author: string
  /** Empty for a patient. */
  team: string
  mine: boolean
  sentAt: Moment
  /** What is left of it when it was taken back or erased. */
  gone: { text: string; certificateHref: string } | null
  /** Why it cannot be shown now, and what opens it. */
  closed: { text: string; href: string; label: string } | null
  paragraphs: string[][]
  files: FileRow[]
  timeline: TimelineStep[]
  recallHref: string
  protectionHref: string
}

export interface ReplyView {
  action: string
  submission: string
  /** The newest message that was on the page. */
  seen: string
  body: string
  saved: string
  ended: string
  removeHref: string
  files: AddedFile[]
  limits: Limits
  idleMinutes: number
  safety: { phone: string; phoneHref: string; answerTime: string }
}

export interface Sample {
  /** The page and its state, such as `messages/inbox, empty`. */
  name: string
  template: string
  view: EveryPage
}

const maria = { name: 'Maria Gomez', role: 'patient' } as const
const dana = { name: 'Dana Ortiz', role: 'provider' } as const
const robin = { name: 'Robin Hale', role: 'admin' } as const
const alex = { name: 'Alex Moreau', role: 'auditor' } as const

const ACCOUNT: Link = { href: '/account', label: 'Account', current: false }

const NAV: Record<Role, Link[]> = {
  patient: [{ href: '/messages', label: 'Messages', current: true }, ACCOUNT],
  provider: [
    { href: '/messages', label: 'Inbox', current: true },
    { href: '/messages/new', label: 'New message', current: false },
    { href: '/help-sign-in', label: 'Help with sign-in', current: false },
    ACCOUNT,
  ],
  admin: [
    { href: '/admin', label: 'Overview', current: false },
    { href: '/admin/people', label: 'People', current: false },
    { href: '/admin/access-events', label: 'Access log', current: true },
    { href: '/admin/reports', label: 'Reports', current: false },
    { href: '/admin/exports', label: 'Exports', current: false },
    { href: '/admin/erasures', label: 'Erased', current: false },
    { href: '/admin/holds', label: 'Legal holds', current: false },
    { href: '/admin/alarms', label: 'Alarms', current: false },
    { href: '/admin/settings', label: 'Settings', current: false },
    { href: '/help-sign-in', label: 'Help with sign-in', waiting: 2, current: false },
    ACCOUNT,
  ],
  auditor: [
    { href: '/admin', label: 'Overview', current: false },
    { href: '/admin/access-events', label: 'Access log', current: true },
    { href: '/admin/reports', label: 'Reports', current: false },
    { href: '/admin/exports', label: 'Exports', current: false },
    { href: '/admin/erasures', label: 'Erased', current: false },
    { href: '/admin/holds', label: 'Legal holds', current: false },
    { href: '/admin/alarms', label: 'Alarms', current: false },
    ACCOUNT,
  ],
}

/** What staff call the provider of their sign-on. */
const SIGN_ON = 'Riverside account'
const noSignOn = { signOn: null, signOnName: '' }
const passwordStep = {
  signOnName: '',
  maskedAddress: 'm•••••@example.org',
  byPassword: true,
  passkey: null,
  waitUntil: '',
}

const moment = (text: string, iso: string): Moment => ({ text, iso })
const wrong = (field: string, text: string): FieldError => ({ field, href: `#${field}`, text })

type Given = Partial<EveryPage> & Record<string, unknown>

/** One page in one state; `view` holds what is special about it. */
function sample(template: string, state: string, title: string, person: EveryPage['person'], view: Given = {}): Sample {
  const errors = view.errors ?? []
  return {
    name: state ? `${template}, ${state}` : template,
    template,
    view: {
      lang: 'en',
      dir: 'ltr',
      organisation: {
        name: 'Riverside Clinic',
        phone: '555-0100',
        phoneHref: 'tel:5550100',
        hours: 'Monday to Friday, 8 am to 5 pm',
      },
      brandHref: '',
      alarms: 0,
      tryOut: false,
      person,
      nav: person ? NAV[person.role] : [],
      csrf: 'k3Qm-sample-token',
      signOut: person !== null,
      lastSignIn: null,
      timeLeft: person && { idle: 900, last: 43_200 },
      posted: false,
      path: '/',
      ...view,
      errors,
      title: errors.length > 0 ? `Error: ${title}` : title,
    },
  }
}

/** The account's page of passkeys, from none to ten. */
function passkeyLists(): Sample[] {
  const row = (name: string, opens: boolean, used: boolean) => ({
    name,
    opens,
    addedAt: moment('Tuesday, 17 November, 2:02 pm', '2026-11-17T14:02:00Z'),
    usedAt: used ? moment('Sunday, 22 November, 8:15 am', '2026-11-22T08:15:00Z') : null,
    renameHref: '/account/passkeys/1/name',
    removeHref: '/account/passkeys/1/remove',
  })
  const form = { action: '/account/passkeys', options: '/account/passkeys/new' }
  const title = 'Face, fingerprint or screen lock'
  const nothing = { done: '', must: false, passkeys: [], passkey: form, full: false }
  const two = [row('iPhone', true, true), row('The old computer in the kitchen', false, false)]
  return [
    sample('own-account/passkeys', '', title, maria, { ...nothing, passkeys: two }),
    sample('own-account/passkeys', 'none', title, maria, nothing),
    sample('own-account/passkeys', 'needed', title, robin, { ...nothing, must: true }),
    sample('own-account/passkeys', 'at a bare address', title, maria, { ...nothing, passkey: null }),
    sample('own-account/passkeys', 'full', title, maria, { ...nothing, passkeys: two, passkey: null, full: true }),
    ...['added', 'renamed', 'removed'].map((done) =>
      sample('own-account/passkeys', done, title, maria, { ...nothing, passkeys: two, done }),
    ),
    sample('own-account/passkeys', 'refused', title, maria, {
      ...nothing,
      errors: [wrong('passkey', 'We could not set that up. Please try again, or use another way.')],
    }),
  ]
}

/** A square code as the server draws it: a path that fills the dark modules, with a margin of four. */
const qr = {
  size: 49,
  path: 'M4 4h7v1h-7zM13 4h3v1h-3zM17 4h1v1h-1zM20 4h5v1h-5zM27 4h1v1h-1zM32 4h5v1h-5zM38 4h7v1h-7zM4 5h1v1h-1zM10 5h1v1h-1zM12 5h3v1h-3zM17 5h3v1h-3zM21 5h1v1h-1zM25 5h1v1h-1zM30 5h3v1h-3zM38 5h1v1h-1zM44 5h1v1h-1zM4 6h1v1h-1zM6 6h3v1h-3zM10 6h1v1h-1zM17 6h1v1h-1zM21 6h2v1h-2zM24 6h2v1h-2zM28 6h2v1h-2zM35 6h2v1h-2zM38 6h1v1h-1zM40 6h3v1h-3zM44 6h1v1h-1zM4 7h1v1h-1zM6 7h3v1h-3zM10 7h1v1h-1zM12 7h2v1h-2zM18 7h3v1h-3zM23 7h2v1h-2zM27 7h1v1h-1zM29 7h1v1h-1zM31 7h2v1h-2zM34 7h1v1h-1zM38 7h1v1h-1zM40 7h3v1h-3zM44 7h1v1h-1zM4 8h1v1h-1zM6 8h3v1h-3zM10 8h1v1h-1zM13 8h1v1h-1zM15 8h1v1h-1zM19 8h1v1h-1zM22 8h1v1h-1zM25 8h1v1h-1zM28 8h3v1h-3zM38 8h1v1h-1zM40 8h3v1h-3zM44 8h1v1h-1zM4 9h1v1h-1zM10 9h1v1h-1zM12 9h2v1h-2zM15 9h2v1h-2zM18 9h3v1h-3zM24 9h2v1h-2zM30 9h3v1h-3zM38 9h1v1h-1zM44 9h1v1h-1zM4 10h7v1h-7zM12 10h1v1h-1zM14 10h1v1h-1zM16 10h1v1h-1zM18 10h1v1h-1zM20 10h1v1h-1zM22 10h1v1h-1zM24 10h1v1h-1zM26 10h1v1h-1zM28 10h1v1h-1zM30 10h1v1h-1zM32 10h1v1h-1zM34 10h1v1h-1zM36 10h1v1h-1zM38 10h7v1h-7zM13 11h1v1h-1zM15 11h1v1h-1zM18 11h2v1h-2zM25 11h2v1h-2zM28 11h1v1h-1zM31 11h1v1h-1zM35 11h1v1h-1zM4 12h5v1h-5zM10 12h3v1h-3zM14 12h9v1h-9zM27 12h4v1h-4zM33 12h1v1h-1zM36 12h2v1h-2zM39 12h1v1h-1zM41 12h1v1h-1zM43 12h1v1h-1zM6 13h1v1h-1zM9 13h1v1h-1zM11 13h1v1h-1zM13 13h2v1h-2zM18 13h1v1h-1zM20 13h1v1h-1zM22 13h4v1h-4zM27 13h1v1h-1zM29 13h1v1h-1zM31 13h2v1h-2zM35 13h2v1h-2zM38 13h3v1h-3zM44 13h1v1h-1zM5 14h1v1h-1zM7 14h7v1h-7zM19 14h2v1h-2zM22 14h1v1h-1zM25 14h1v1h-1zM28 14h2v1h-2zM31 14h1v1h-1zM33 14h2v1h-2zM36 14h1v1h-1zM39 14h1v1h-1zM44 14h1v1h-1zM4 15h1v1h-1zM6 15h2v1h-2zM9 15h1v1h-1zM15 15h1v1h-1zM18 15h1v1h-1zM26 15h3v1h-3zM30 15h2v1h-2zM39 15h1v1h-1zM41 15h1v1h-1zM43 15h1v1h-1zM4 16h2v1h-2zM7 16h1v1h-1zM10 16h3v1h-3zM15 16h2v1h-2zM19 16h1v1h-1zM22 16h1v1h-1zM29 16h1v1h-1zM31 16h1v1h-1zM33 16h5v1h-5zM39 16h1v1h-1zM42 16h3v1h-3zM6 17h1v1h-1zM11 17h1v1h-1zM18 17h4v1h-4zM24 17h3v1h-3zM28 17h3v1h-3zM35 17h1v1h-1zM38 17h2v1h-2zM44 17h1v1h-1zM5 18h1v1h-1zM8 18h3v1h-3zM12 18h1v1h-1zM14 18h3v1h-3zM18 18h1v1h-1zM21 18h1v1h-1zM23 18h1v1h-1zM25 18h4v1h-4zM33 18h2v1h-2zM36 18h1v1h-1zM39 18h1v1h-1zM42 18h1v1h-1zM6 19h1v1h-1zM9 19h1v1h-1zM11 19h1v1h-1zM13 19h3v1h-3zM20 19h1v1h-1zM22 19h7v1h-7zM30 19h1v1h-1zM32 19h1v1h-1zM34 19h4v1h-4zM39 19h2v1h-2zM43 19h1v1h-1zM4 20h1v1h-1zM6 20h1v1h-1zM8 20h1v1h-1zM10 20h2v1h-2zM14 20h2v1h-2zM17 20h1v1h-1zM21 20h1v1h-1zM23 20h2v1h-2zM29 20h2v1h-2zM32 20h2v1h-2zM35 20h1v1h-1zM42 20h1v1h-1zM5 21h2v1h-2zM13 21h1v1h-1zM15 21h1v1h-1zM17 21h2v1h-2zM20 21h8v1h-8zM35 21h4v1h-4zM40 21h1v1h-1zM44 21h1v1h-1zM5 22h2v1h-2zM9 22h3v1h-3zM13 22h1v1h-1zM15 22h1v1h-1zM17 22h5v1h-5zM24 22h1v1h-1zM26 22h1v1h-1zM29 22h1v1h-1zM31 22h1v1h-1zM37 22h1v1h-1zM39 22h1v1h-1zM41 22h1v1h-1zM7 23h3v1h-3zM13 23h3v1h-3zM17 23h1v1h-1zM19 23h4v1h-4zM24 23h2v1h-2zM28 23h2v1h-2zM33 23h3v1h-3zM39 23h1v1h-1zM41 23h1v1h-1zM43 23h1v1h-1zM5 24h1v1h-1zM7 24h2v1h-2zM10 24h1v1h-1zM12 24h3v1h-3zM18 24h3v1h-3zM23 24h1v1h-1zM29 24h1v1h-1zM31 24h4v1h-4zM37 24h1v1h-1zM39 24h6v1h-6zM5 25h1v1h-1zM8 25h1v1h-1zM12 25h3v1h-3zM16 25h2v1h-2zM19 25h1v1h-1zM21 25h2v1h-2zM25 25h2v1h-2zM28 25h4v1h-4zM35 25h1v1h-1zM37 25h2v1h-2zM42 25h1v1h-1zM44 25h1v1h-1zM4 26h3v1h-3zM10 26h2v1h-2zM14 26h1v1h-1zM18 26h4v1h-4zM25 26h10v1h-10zM38 26h3v1h-3zM8 27h2v1h-2zM13 27h1v1h-1zM16 27h1v1h-1zM18 27h2v1h-2zM25 27h1v1h-1zM27 27h2v1h-2zM31 27h1v1h-1zM38 27h1v1h-1zM40 27h1v1h-1zM44 27h1v1h-1zM5 28h2v1h-2zM9 28h3v1h-3zM13 28h2v1h-2zM17 28h1v1h-1zM19 28h1v1h-1zM21 28h1v1h-1zM28 28h3v1h-3zM32 28h2v1h-2zM35 28h2v1h-2zM42 28h1v1h-1zM44 28h1v1h-1zM5 29h1v1h-1zM8 29h2v1h-2zM12 29h1v1h-1zM14 29h1v1h-1zM16 29h1v1h-1zM20 29h1v1h-1zM23 29h5v1h-5zM29 29h1v1h-1zM33 29h2v1h-2zM36 29h1v1h-1zM38 29h1v1h-1zM40 29h2v1h-2zM43 29h2v1h-2zM5 30h1v1h-1zM7 30h4v1h-4zM14 30h2v1h-2zM19 30h2v1h-2zM22 30h1v1h-1zM24 30h3v1h-3zM31 30h2v1h-2zM34 30h1v1h-1zM36 30h3v1h-3zM41 30h1v1h-1zM43 30h1v1h-1zM4 31h3v1h-3zM16 31h1v1h-1zM18 31h1v1h-1zM30 31h4v1h-4zM35 31h3v1h-3zM41 31h1v1h-1zM5 32h1v1h-1zM7 32h1v1h-1zM10 32h1v1h-1zM12 32h2v1h-2zM16 32h1v1h-1zM19 32h1v1h-1zM22 32h1v1h-1zM27 32h1v1h-1zM29 32h1v1h-1zM31 32h5v1h-5zM41 32h3v1h-3zM4 33h1v1h-1zM6 33h1v1h-1zM8 33h1v1h-1zM11 33h1v1h-1zM14 33h1v1h-1zM18 33h3v1h-3zM25 33h6v1h-6zM33 33h1v1h-1zM35 33h1v1h-1zM38 33h1v1h-1zM41 33h4v1h-4zM4 34h1v1h-1zM6 34h1v1h-1zM10 34h1v1h-1zM12 34h1v1h-1zM15 34h2v1h-2zM21 34h5v1h-5zM28 34h1v1h-1zM34 34h1v1h-1zM41 34h2v1h-2zM4 35h1v1h-1zM6 35h2v1h-2zM9 35h1v1h-1zM13 35h1v1h-1zM15 35h1v1h-1zM18 35h1v1h-1zM20 35h1v1h-1zM22 35h1v1h-1zM25 35h1v1h-1zM27 35h2v1h-2zM30 35h1v1h-1zM35 35h1v1h-1zM37 35h1v1h-1zM40 35h1v1h-1zM4 36h1v1h-1zM9 36h2v1h-2zM12 36h1v1h-1zM14 36h3v1h-3zM20 36h2v1h-2zM26 36h1v1h-1zM28 36h4v1h-4zM33 36h1v1h-1zM36 36h7v1h-7zM44 36h1v1h-1zM12 37h1v1h-1zM15 37h3v1h-3zM20 37h6v1h-6zM27 37h1v1h-1zM29 37h1v1h-1zM33 37h2v1h-2zM36 37h1v1h-1zM40 37h2v1h-2zM44 37h1v1h-1zM4 38h7v1h-7zM12 38h2v1h-2zM15 38h7v1h-7zM26 38h1v1h-1zM28 38h1v1h-1zM31 38h2v1h-2zM34 38h3v1h-3zM38 38h1v1h-1zM40 38h1v1h-1zM43 38h1v1h-1zM4 39h1v1h-1zM10 39h1v1h-1zM14 39h4v1h-4zM20 39h3v1h-3zM25 39h9v1h-9zM36 39h1v1h-1zM40 39h2v1h-2zM4 40h1v1h-1zM6 40h3v1h-3zM10 40h1v1h-1zM12 40h1v1h-1zM18 40h1v1h-1zM20 40h1v1h-1zM23 40h2v1h-2zM27 40h1v1h-1zM29 40h1v1h-1zM31 40h4v1h-4zM36 40h5v1h-5zM42 40h1v1h-1zM4 41h1v1h-1zM6 41h3v1h-3zM10 41h1v1h-1zM12 41h3v1h-3zM16 41h1v1h-1zM19 41h1v1h-1zM22 41h2v1h-2zM25 41h4v1h-4zM30 41h1v1h-1zM39 41h1v1h-1zM44 41h1v1h-1zM4 42h1v1h-1zM6 42h3v1h-3zM10 42h1v1h-1zM12 42h1v1h-1zM14 42h1v1h-1zM17 42h1v1h-1zM19 42h3v1h-3zM23 42h1v1h-1zM25 42h5v1h-5zM38 42h1v1h-1zM40 42h4v1h-4zM4 43h1v1h-1zM10 43h1v1h-1zM12 43h1v1h-1zM14 43h1v1h-1zM16 43h1v1h-1zM18 43h2v1h-2zM24 43h3v1h-3zM30 43h1v1h-1zM34 43h5v1h-5zM40 43h2v1h-2zM43 43h1v1h-1zM4 44h7v1h-7zM12 44h1v1h-1zM16 44h7v1h-7zM24 44h1v1h-1zM26 44h1v1h-1zM29 44h1v1h-1zM33 44h1v1h-1zM35 44h3v1h-3zM42 44h1v1h-1z',
}

const askingForCode = {
  action: '/m/3uY7sample',
  sentAt: moment('Tuesday 17 November, 2:02 pm', '2026-11-17T19:02:00.000Z'),
  maskedAddress: 'm•••••@example.org',
  asksCode: true,
  waitUntil: '',
}

const signIn: Sample[] = [
  sample('sign-in/landing', '', 'You have a secure message', null, {
    action: '/m/3uY7sample',
    sentAt: moment('Tuesday 17 November, 2:02 pm', '2026-11-17T19:02:00.000Z'),
    maskedAddress: 'm•••••@example.org',
    asksCode: false,
    waitUntil: '',
  }),
  sample('sign-in/landing', 'an access code is asked for', 'You have a secure message', null, askingForCode),
  sample('sign-in/landing', 'a wrong access code', 'You have a secure message', null, {
    ...askingForCode,
    errors: [
      wrong('code', 'That code is not right, or it no longer works. Check it and try again, or call us for a new one.'),
    ],
  }),
  sample('sign-in/landing', 'too many access codes', 'You have a secure message', null, {
    ...askingForCode,
    waitUntil: '3:15 pm',
  }),
  sample('enrolment/make-password', '', 'Make your sign-in', null, {
    action: '/m/3uY7sample/password',
    passkey: { action: '/m/3uY7sample/passkey', options: '/m/3uY7sample/passkey' },
  }),
  sample('enrolment/make-password', 'too short', 'Make your sign-in', null, {
    action: '/m/3uY7sample/password',
    passkey: null,
    errors: [wrong('password', 'Too short: 4 more characters. Your password needs 12 or more.')],
  }),
  sample('enrolment/second-factor', '', 'Add a code app', null, {
    action: '/enrol/second-factor',
    otpauthHref:
      'otpauth://totp/Riverside%20Clinic:maria%40example.org?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Riverside%20Clinic',
    keyGroups: ['JBSW', 'Y3DP', 'EHPK', '3PXP', 'JBSW', 'Y3DP', 'EHPK', '3PXP'],
    qr: qr,
  }),
  sample('enrolment/second-factor', 'wrong code', 'Add a code app', null, {
    action: '/enrol/second-factor',
    otpauthHref:
      'otpauth://totp/Riverside%20Clinic:maria%40example.org?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Riverside%20Clinic',
    keyGroups: ['JBSW', 'Y3DP', 'EHPK', '3PXP', 'JBSW', 'Y3DP', 'EHPK', '3PXP'],
    qr: qr,
    errors: [
      wrong('code', 'That code is not right. Check that your phone sets its clock by itself, then type the next code.'),
    ],
  }),
  sample('enrolment/recovery-codes', '', 'Keep these codes safe', null, {
    action: '/enrol/recovery-codes',
    renewed: false,
    toMessage: true,
    codes: recoveryCodes(),
    textHref: '/enrol/recovery-codes.txt',
  }),
  sample('enrolment/recovery-codes', 'box not ticked', 'Keep these codes safe', null, {
    action: '/enrol/recovery-codes',
    renewed: false,
    toMessage: true,
    codes: recoveryCodes(),
    textHref: '/enrol/recovery-codes.txt',
    errors: [wrong('saved', 'Tick the box once you have put the codes somewhere safe.')],
  }),
  sample('enrolment/recovery-codes', 'new ones', 'Keep these codes safe', maria, {
    action: '/enrol/recovery-codes',
    renewed: true,
    toMessage: false,
    codes: recoveryCodes(),
    textHref: '/enrol/recovery-codes.txt',
  }),
  sample('sign-in/busy', '', 'Please wait a moment', null, {}),
  sample('sign-in/sign-in', '', 'Sign in', null, {
    ...noSignOn,
    action: '/sign-in',
    link: '',
    maskedAddress: '',
    form: { email: '' },
    notice: '',
    waitUntil: '',
    // Its script would ask this address at once.
    passkey: null,
  }),
  sample('sign-in/sign-in', 'from a link', 'Sign in to read your message', null, {
    ...noSignOn,
    action: '/sign-in',
    link: '3uY7sample',
    maskedAddress: 'm•••••@example.org',
    form: { email: '' },
    notice: '',
    waitUntil: '',
  }),
  sample('sign-in/sign-in', 'signed out', 'Sign in', null, {
    ...noSignOn,
    action: '/sign-in',
    link: '',
    maskedAddress: '',
    form: { email: '' },
    notice: 'signed-out',
    waitUntil: '',
  }),
  sample('sign-in/sign-in', 'signed out for idleness', 'Sign in', null, {
    ...noSignOn,
    action: '/sign-in',
    link: '',
    maskedAddress: '',
    form: { email: '' },
    notice: 'idle',
    waitUntil: '',
  }),
  sample('sign-in/sign-in', 'signed out, text saved', 'Sign in', null, {
    ...noSignOn,
    action: '/sign-in',
    link: '',
    maskedAddress: '',
    form: { email: 'maria@example.org' },
    notice: 'saved',
    waitUntil: '',
  }),
  sample('sign-in/sign-in', 'wrong details', 'Sign in', null, {
    ...noSignOn,
    action: '/sign-in',
    link: '',
    maskedAddress: '',
    form: { email: 'maria@example.org' },
    notice: '',
    waitUntil: '',
    errors: [wrong('password', 'The e-mail address or the password is not right. You have 3 tries left.')],
  }),
  sample('sign-in/sign-in', 'slow down', 'Sign in', null, {
    ...noSignOn,
    action: '/sign-in',
    link: '',
    maskedAddress: '',
    form: { email: 'maria@example.org' },
    notice: '',
    waitUntil: '3:41 pm',
  }),
  sample('sign-in/code', '', 'Enter your code', null, {
    byApp: true,
    passkey: null,
    recoveryHref: '/sign-in/recovery-code',
  }),
  sample('sign-in/code', 'or a passkey', 'Enter your code', null, {
    byApp: true,
    passkey: { action: '/sign-in/code/passkey', options: '/sign-in/code/passkey' },
    recoveryHref: '/sign-in/recovery-code',
  }),
  sample('sign-in/code', 'a passkey only', 'One more step', null, {
    byApp: false,
    passkey: { action: '/sign-in/code/passkey', options: '/sign-in/code/passkey' },
    recoveryHref: '/sign-in/recovery-code',
  }),
  sample('sign-in/code', 'a passkey was refused', 'One more step', null, {
    byApp: false,
    passkey: { action: '/sign-in/code/passkey', options: '/sign-in/code/passkey' },
    recoveryHref: '/sign-in/recovery-code',
    errors: [wrong('passkey', 'That did not work. Please try again, or use another way.')],
  }),
  sample('sign-in/password-step', '', 'Now your password', null, passwordStep),
  sample('sign-in/password-step', 'wrong', 'Now your password', null, {
    ...passwordStep,
    errors: [wrong('password', 'The password is not right. Try again.')],
  }),
  sample('sign-in/password-step', 'after a sign-on', 'Now your password', null, {
    ...passwordStep,
    signOnName: SIGN_ON,
  }),
  sample('sign-in/password-step', 'after a sign-on, or a passkey', 'Now your password', null, {
    ...passwordStep,
    signOnName: SIGN_ON,
    passkey: { action: '/sign-in/passkey', options: '/sign-in/passkey/sample' },
  }),
  sample('sign-in/password-step', 'after a sign-on, a passkey only', 'Now the lock of your device', null, {
    ...passwordStep,
    signOnName: SIGN_ON,
    byPassword: false,
    passkey: { action: '/sign-in/passkey', options: '/sign-in/passkey/sample' },
  }),
  sample('sign-in/password-step', 'slow down', 'Now your password', null, { ...passwordStep, waitUntil: '3:41 pm' }),
  ...['', 'signed-out-here', 'sign-on-failed', 'sign-on-unknown'].map((notice) =>
    sample('sign-in/sign-in', `by a sign-on too: ${notice}`, 'Sign in', null, {
      action: '/sign-in',
      link: '',
      maskedAddress: '',
      form: { email: '' },
      notice,
      waitUntil: '',
      passkey: null,
      signOn: { name: SIGN_ON, href: '/sign-in/sign-on' },
      signOnName: SIGN_ON,
    }),
  ),
  sample('enrolment/password-beside-passkey', '', 'Now choose a password', null, { action: '/enrol/password' }),
  ...passkeyLists(),
  sample('own-account/passkey-name', '', 'Name this device', maria, {
    action: '/account/passkeys/1/name',
    form: { name: 'iPhone' },
    backHref: '/account/passkeys',
  }),
  sample('own-account/passkey-name', 'nothing typed', 'Name this device', maria, {
    action: '/account/passkeys/1/name',
    form: { name: '' },
    backHref: '/account/passkeys',
    errors: [wrong('name', 'Enter a name.')],
  }),
  ...['', 'last-way-in', 'needed'].map((kept) =>
    sample('own-account/passkey-remove', kept, 'Remove iPhone?', maria, {
      action: '/account/passkeys/1/remove',
      name: 'iPhone',
      kept,
      backHref: '/account/passkeys',
    }),
  ),
  sample('sign-in/code', 'wrong', 'Enter your code', null, {
    byApp: true,
    passkey: null,
    recoveryHref: '/sign-in/recovery-code',
    errors: [wrong('code', 'That code is not right. Wait for the next one and type it within 30 seconds.')],
  }),
  sample('sign-in/recovery-code', '', 'Use a recovery code', null, { codeHref: '/sign-in/code' }),
  sample('sign-in/recovery-code', 'wrong', 'Use a recovery code', null, {
    codeHref: '/sign-in/code',
    errors: [wrong('code', 'That code is not right, or it was used before. Try another one.')],
  }),
  ...['not-me', 'address-stopped', 'all-devices', 'wrong-codes'].map((after) =>
    sample('sign-in/sign-in', `after: ${after}`, 'Sign in', null, {
      ...noSignOn,
      action: '/sign-in',
      link: '',
      maskedAddress: '',
      form: { email: '' },
      notice: '',
      after,
      waitUntil: '',
    }),
  ),
  ...['moved', 'moved-saved'].map((notice) =>
    sample('sign-in/sign-in', `ended: ${notice}`, 'Sign in', null, {
      ...noSignOn,
      action: '/sign-in',
      link: '',
      maskedAddress: '',
      form: { email: '' },
      notice,
      waitUntil: '',
    }),
  ),
  ...['', 'others'].map((ended) =>
    sample('own-account/devices', ended && 'after signing the others out', 'Where you are signed in', maria, {
      ended,
      backHref: '/account',
      others: !ended,
      devices: [
        {
          id: '0199f1',
          name: 'Safari on iPhone',
          lastUsed: moment('Tuesday 17 November, 2:02 pm', '2026-11-17T19:02:00.000Z'),
        },
      ],
      sessions: [
        {
          ref: 'aaaa',
          current: true,
          name: 'Safari on iPhone',
          address: '203.0.113.7',
          since: moment('Tuesday 17 November, 2:02 pm', '2026-11-17T19:02:00.000Z'),
          lastUsed: moment('Tuesday 17 November, 2:14 pm', '2026-11-17T19:14:00.000Z'),
          strength: 'Password and code',
        },
        {
          ref: 'bbbb',
          current: false,
          name: 'A browser that did not say its name',
          address: '2001:db8:1234:5678:9abc:def0:1234:5678',
          since: moment('Tuesday 17 November, 1:50 pm', '2026-11-17T18:50:00.000Z'),
          lastUsed: moment('Tuesday 17 November, 1:58 pm', '2026-11-17T18:58:00.000Z'),
          strength: 'Password and recovery code',
        },
      ].slice(0, ended ? 1 : 2),
    }),
  ),
  ...[
    { state: '', view: {} },
    {
      state: 'wrong',
      view: {
        errors: [
          wrong('password', 'The password is not right. Type it again, with the next code that your app shows.'),
        ],
      },
    },
    { state: 'slow down', view: { waitUntil: '3:41 pm' } },
    { state: 'without a code app', view: { byCode: false } },
  ].map(({ state, view }) =>
    sample('sign-in/prove', state, 'Show that it is you', maria, {
      action: '/prove?next=%2Faccount%2Fpassword',
      email: 'maria.gomez@mail.example',
      byCode: true,
      waitUntil: '',
      passkey: null,
      ...view,
    }),
  ),
]

function recoveryCodes(): string[] {
  return [
    '4F7K9-2QDXB-M0T3H-8WCRN',
    '7PZ3A-J6VHE-0KQ9D-T2YXG',
    'C1WM8-N5RBS-4GEXK-Z73HQ',
    'V9TQD-0H2FJ-XP6NA-5KC8B',
    'E3YGS-W7M4R-81ZVD-QJ0TK',
    'H5BNX-P2KC9-6TWEF-03RMZ',
    '0QJ7V-D8SG1-YA4HN-B9PXE',
    'KT2RZ-5XF3W-C7QMB-1N6GJ',
    'M8DEH-4V0PY-KZ2SR-97XTC',
    'X6GA1-R9TJN-3FBWQ-5HV8D',
  ]
}

const limits: Limits = {
  files: 10,
  fileSize: '25 MB',
  bytes: 25 * 1024 * 1024,
  characters: 20000,
  kinds: 'a photo (JPEG, PNG, HEIC), a PDF, a text, an office file or a medical picture (DICOM)',
  accept: 'application/pdf,.pdf,image/jpeg,image/png,.txt,.docx',
}

const labFiles: FileRow[] = [
  {
    name: 'Lab report November.pdf',
    kind: 'pdf',
    details: 'PDF, 184 KB',
    thumbnail: '',
    href: '/attachments/0199a1',
    downloadHref: '/attachments/0199a1/download',
    state: null,
  },
  {
    name: 'How to measure at home.jpg',
    kind: 'picture',
    details: 'Picture, 96 KB',
    thumbnail: '/sample-picture.svg',
    href: '/attachments/0199a2',
    downloadHref: '/attachments/0199a2/download',
    state: null,
  },
]

/** What the page of a file shows, whatever it is. */
const file = {
  name: 'Lab report November.pdf',
  kind: 'pdf',
  type: 'PDF',
  size: '184 KB',
  state: null as { tone: Tone; title: string; text: string; now: string; again: string; asks: string } | null,
  pages: [] as { src: string; alt: string; width: number; height: number; title: string; paragraphs: string[][] }[],
  rest: '',
  none: null as { title: string; text: string } | null,
  checked: '',
  downloadHref: '/attachments/0199a1/download',
  backHref: '/messages/0199c1',
  subject: 'Your blood test result',
}

const pageOf = (page: number, paragraphs: string[][]) => ({
  src: '/sample-picture.svg',
  alt: `Page ${page} of 31. Read as text below`,
  width: 1131,
  height: 1600,
  title: `Page ${page} of 31`,
  paragraphs,
})

/** A file of each state in which nobody gets it. */
const heldFiles: FileRow[] = [
  ['Scan of the knee.pdf', 'info', 'Still being checked'],
  ['Holiday.png', 'warn', 'Not checked yet'],
  ['Invoice.docx', 'bad', 'Blocked: it holds malware'],
].map(([name, tone, text], at) => ({
  name: name!,
  kind: 'document' as const,
  details: 'Document, 96 KB',
  thumbnail: '',
  href: `/attachments/0199b${at}`,
  downloadHref: '',
  state: { tone: tone as Tone, text: text! },
}))

const ownCodes = { left: 7, newest: true, mode: 'managed', closed: false, opened: false, waitUntil: '' }

const waysBackIn: Sample[] = [
  sample('sign-in/cannot-sign-in', '', 'When you cannot sign in', null, {}),
  sample('sign-in/forgot', '', 'I forgot my password', null, { form: { email: '' }, waitUntil: '' }),
  sample('sign-in/forgot', 'wrong', 'I forgot my password', null, {
    form: { email: 'maria@' },
    waitUntil: '',
    errors: [wrong('email', 'Enter your e-mail address, like name@example.org.')],
  }),
  sample('sign-in/forgot', 'slow down', 'I forgot my password', null, { form: { email: '' }, waitUntil: '3:41 pm' }),
  sample('sign-in/forgot-asked', '', 'Look at your mail', null, {}),
  ...[
    { state: '', view: {} },
    { state: 'sealed', view: { mode: 'sealed' } },
    { state: 'without a code app', view: { hasApp: false } },
    { state: 'slow down', view: { waitUntil: '3:41 pm' } },
    {
      state: 'wrong',
      view: {
        errors: [
          wrong('password', 'Too short: 3 more characters. Your password needs 12 or more.'),
          wrong('code', 'Enter the code from your app, or a recovery code.'),
        ],
      },
    },
  ].map(({ state, view }) =>
    sample('sign-in/reset', state, 'Choose a new password', null, {
      action: '/sign-in/reset/9PKWb0sSXvWv0zLmbfVh1dJPFrwfVgFMBhdBhtcm4dY',
      maskedAddress: 'm•••••@mail.example',
      hasApp: true,
      mode: 'managed',
      waitUntil: '',
      ...view,
    }),
  ),
  sample('sign-in/reset-dead', '', 'This link does not work any more', null, {}),
  sample('sign-in/password-set', '', 'Your password is set', null, { recovered: false, minutes: 15 }),
  sample('sign-in/password-set', 'by a recovery code', 'Your password is set', null, { recovered: true, minutes: 15 }),
  ...[
    { state: '', view: {} },
    { state: 'none left', view: { left: 0 } },
    { state: 'earlier messages closed', view: { mode: 'sealed', left: 1, newest: false, closed: true } },
    { state: 'earlier messages opened', view: { mode: 'sealed', opened: true } },
    {
      state: 'wrong',
      view: {
        mode: 'sealed',
        newest: false,
        closed: true,
        errors: [
          wrong('code', 'That is not a code from before your new sign-in, or it was used already. Try another one.'),
        ],
      },
    },
    { state: 'slow down', view: { mode: 'sealed', newest: false, closed: true, waitUntil: '3:41 pm' } },
  ].map(({ state, view }) =>
    sample('own-account/recovery-codes', state, 'Recovery codes', maria, { ...ownCodes, ...view }),
  ),
  sample('own-account/recovery-code-used', '', 'You signed in with a recovery code', maria, {
    left: 6,
    nextHref: '/messages',
  }),
  sample('own-account/recovery-code-used', 'the last one', 'You signed in with a recovery code', dana, {
    left: 0,
    nextHref: '/messages',
  }),
]

const fromDana: LetterView = {
  id: '0199c1',
  author: 'Dana Ortiz',
  team: 'Diabetes team',
  mine: false,
  sentAt: moment('Tuesday 17 November, 2:02 pm', '2026-11-17T19:02:00.000Z'),
  gone: null,
  closed: null,
  paragraphs: [
    ['Dear Maria,'],
    [
      'Your new blood test is back. Your sugar level is better than last time. Keep taking your medicine as you do now.',
    ],
    [
      'Please send us a photo of your foot, so that we can see how it is healing. The picture below shows how to take it.',
    ],
    ['Kind regards,', 'Dana Ortiz, nurse'],
  ],
  files: [...labFiles, ...heldFiles],
  timeline: [],
  recallHref: '',
  protectionHref: '/messages/0199c1/protection',
}

const fromMaria: LetterView = {
  id: '0199c2',
  author: 'You',
  team: '',
  mine: true,
  sentAt: moment('Tuesday 17 November, 3:10 pm', '2026-11-17T20:10:00.000Z'),
  gone: null,
  closed: null,
  paragraphs: [['Thank you. I will send it tonight.']],
  files: [],
  timeline: [
    { text: 'Sent', at: moment('Tue 3:10 pm', '2026-11-17T20:10:00.000Z'), tone: 'ok' },
    { text: 'Opened by the team', at: moment('Tue 3:24 pm', '2026-11-17T20:24:00.000Z'), tone: 'ok' },
  ],
  recallHref: '',
  protectionHref: '/messages/0199c1/protection',
}

const reply: ReplyView = {
  action: '/messages/0199c1/replies',
  submission: '0199f0f0-0000-7000-8000-000000000001',
  seen: '0199c2',
  body: '',
  saved: '',
  ended: 'You were signed out, and what you wrote is only on this page. Copy it before you sign in.',
  removeHref: '',
  files: [],
  limits,
  idleMinutes: 15,
  safety: { phone: '911', phoneHref: 'tel:911', answerTime: '2 working days' },
}

const patientThread = {
  staff: false,
  subject: 'Your blood test result',
  backHref: '/messages',
  other: null,
  newer: null,
  handedOver: '',
  shutOut: [],
  shared: '',
  messages: [fromDana, fromMaria],
  reply,
}

const draftReply: ReplyView = {
  ...reply,
  body: 'Here is the photo. It hurts less than last week, mostly in the evening.\n\nShould I still come on Friday?',
  saved: 'Draft saved 3:31 pm. It stays in this conversation.',
  removeHref: '/drafts/0199e1/delete',
  files: [
    { id: '0199d1', name: 'foot-left.jpg', details: 'Picture, 2.1 MB', state: null, place: { removable: true } },
    { id: '0199d2', name: 'foot-right.heic', details: 'Picture, 1.8 MB', state: null, place: { removable: false } },
    {
      id: '0199d3',
      name: 'invoice.docx',
      details: 'Document, 96 KB',
      state: { tone: 'bad', text: 'Blocked: it holds malware' },
      place: null,
    },
  ],
}

const staffThread = {
  staff: true,
  subject: 'Your blood test result',
  backHref: '/messages',
  other: { name: 'Maria Gomez', address: 'maria@example.org', enrolled: true, accessCodeHref: '' },
  newer: null,
  handedOver: '',
  shutOut: [],
  shared: '',
  messages: [
    {
      ...fromDana,
      author: 'You',
      mine: true,
      timeline: [
        { text: 'Sent', at: moment('Tue 2:02 pm', '2026-11-17T19:02:00.000Z'), tone: 'ok' },
        { text: 'Notice sent', at: moment('Tue 2:02 pm', '2026-11-17T19:02:04.000Z'), tone: 'ok' },
        { text: 'Opened by patient', at: moment('Tue 2:40 pm', '2026-11-17T19:40:00.000Z'), tone: 'ok' },
        { text: '2 files opened', at: moment('Tue 2:41 pm', '2026-11-17T19:41:00.000Z'), tone: 'ok' },
        { text: 'Replied', at: moment('Tue 3:10 pm', '2026-11-17T20:10:00.000Z'), tone: 'ok' },
      ] satisfies TimelineStep[],
      recallHref: '',
      protectionHref: '/messages/0199c1/protection',
    },
    { ...fromMaria, author: 'Maria Gomez', mine: false, timeline: [] },
  ] satisfies LetterView[],
  reply,
}

const shareAgain = {
  action: '/messages/0199c1/share-again/0199d1',
  backHref: '/messages/0199c1',
  name: 'Maria Gomez',
  address: 'maria.gomez@example.org',
  at: moment('Tuesday 17 November, 14:02', '2026-11-17T19:02:00.000Z'),
  how: 'By themselves: with the link in a mail to their address, and a code',
  count: 3,
  version: 2,
  anew: false,
}

const thread: Sample[] = [
  sample('messages/thread', 'for a patient', 'One message', maria, patientThread),
  sample('messages/thread', 'just before the end of the session', 'One message', maria, {
    ...patientThread,
    reply: draftReply,
    timeLeft: { idle: 105, last: 40_000 },
  }),
  sample('messages/thread', 'just before the end that can not be put off', 'One message', maria, {
    ...patientThread,
    reply: draftReply,
    timeLeft: { idle: 800, last: 119 },
  }),
  sample('messages/thread', 'handed over', 'One message', maria, {
    ...patientThread,
    handedOver: 'Dana Ortiz has left this conversation. Foot clinic answers now.',
  }),
  sample('messages/thread', 'with a draft', 'One message', maria, {
    ...patientThread,
    reply: draftReply,
  }),
  sample('messages/thread', 'with errors', 'One message', maria, {
    ...patientThread,
    reply: draftReply,
    errors: [wrong('files', '“holiday.mov” is larger than 25 MB. Choose a smaller file, or send it in parts.')],
  }),
  sample('messages/thread', 'empty reply', 'One message', maria, {
    ...patientThread,
    errors: [wrong('body', 'Write something or add a file before you send.')],
  }),
  sample('messages/thread', 'a newer message came', 'One message', maria, {
    ...patientThread,
    newer: { href: '#message-0199c1' },
    reply: draftReply,
  }),
  sample('messages/thread', 'nobody may answer', 'One message', maria, {
    ...patientThread,
    reply: null,
  }),
  sample('messages/thread', 'from before a new sign-in', 'One message', maria, {
    ...patientThread,
    subject: 'From before your new sign-in',
    messages: [
      {
        ...fromDana,
        paragraphs: [],
        files: [],
        closed: {
          text: 'This message is from before you made your new sign-in, so we cannot show it now. One of your recovery codes opens it again. You can also ask the team to let you read it again.',
          href: '/account/recovery-codes#earlier',
          label: 'Open earlier messages',
        },
      },
      { ...fromDana, id: '0199c3', paragraphs: [['Dear Maria, here is the result once more.']], files: [] },
    ],
  }),
  sample('messages/thread', 'waiting for a colleague', 'One message', dana, {
    ...staffThread,
    subject: 'Waiting for a colleague',
    messages: [
      {
        ...staffThread.messages[0]!,
        paragraphs: [],
        files: [],
        closed: {
          text: 'You have a new sign-in. This message opens for you as soon as a colleague of your team opens a page here.',
          href: '',
          label: '',
        },
      },
    ],
  }),
  sample('messages/thread', 'for a provider', 'One message', dana, staffThread),
  sample('messages/thread', 'with somebody who signed in anew', 'One message', dana, {
    ...staffThread,
    shutOut: [
      {
        text: 'Maria Gomez made a new sign-in and cannot read the earlier messages here.',
        href: '/messages/0199c1/share-again/0199d1',
      },
    ],
  }),
  sample('messages/thread', 'with somebody who can read again', 'One message', dana, {
    ...staffThread,
    shared: 'Maria Gomez can read the earlier messages here again.',
  }),
  ...[
    { state: '', view: {} },
    {
      state: 'box not ticked',
      view: {
        errors: [wrong('sure', 'Tick the box when you are sure. If you are not, go back; nothing was changed.')],
      },
    },
    { state: 'they signed in anew meanwhile', view: { anew: true } },
    { state: 'without a name', view: { name: '', count: 1 } },
  ].map(({ state, view }) =>
    sample('messages/share-again', state, 'Let them read earlier messages again?', dana, { ...shareAgain, ...view }),
  ),
  sample('messages/thread', 'not opened, notice failed', 'One message', dana, {
    ...staffThread,
    subject: 'Discharge letter',
    other: {
      name: 'A patient',
      address: 'peter.novak@example.org',
      enrolled: false,
      accessCodeHref: '/messages/0199c1/access-code',
    },
    messages: [
      {
        ...staffThread.messages[0],
        recallHref: '/messages/0199c1/recall',
        protectionHref: '/messages/0199c1/protection',
        files: [],
        timeline: [
          { text: 'Sent', at: moment('Mon 9:03 am', '2026-11-16T14:03:00.000Z'), tone: 'ok' },
          { text: 'Notice did not arrive', at: moment('Mon 9:04 am', '2026-11-16T14:04:00.000Z'), tone: 'bad' },
          { text: 'Not opened yet', at: null, tone: 'plain' },
        ] satisfies TimelineStep[],
      },
      {
        ...staffThread.messages[0],
        id: '0199c9',
        gone: {
          text: 'You took this message back on Monday 16 November, 9:30. What it said was erased.',
          certificateHref: '/messages/0199c9/certificate',
        },
        paragraphs: [],
        files: [],
        timeline: [],
        recallHref: '',
        protectionHref: '/messages/0199c1/protection',
      },
    ],
  }),
]

const inboxFilters = (current: 'all' | 'unread'): CountedLink[] => [
  { href: '/messages', label: 'All', count: null, current: current === 'all' },
  { href: '/messages?show=unread', label: 'Unread', count: 2, current: current === 'unread' },
]

const patientRows = [
  {
    href: '/messages/0199c1',
    subject: 'Your blood test result',
    from: 'Dana Ortiz',
    team: 'Diabetes team',
    sentAt: moment('2:02 pm', '2026-11-17T19:02:00.000Z'),
    unread: true,
    draft: false,
    files: 2,
  },
  {
    href: '/messages/0199b1',
    subject: 'When to come for your eye check, and what to bring with you on the day',
    from: 'Sam Reid',
    team: 'Eye clinic',
    sentAt: moment('Mon 11:15 am', '2026-11-16T16:15:00.000Z'),
    unread: true,
    draft: false,
    files: 0,
  },
  {
    href: '/messages/0199a9',
    subject: 'New inhaler',
    from: 'You',
    team: '',
    sentAt: moment('12 Nov', '2026-11-12T15:00:00.000Z'),
    unread: false,
    draft: true,
    files: 1,
  },
  {
    href: '/messages/0199a8',
    subject: '',
    from: 'Dana Ortiz',
    team: 'Diabetes team',
    sentAt: moment('3 Oct', '2026-10-03T15:00:00.000Z'),
    unread: false,
    draft: false,
    files: 0,
  },
]

const lists = (current: string): CountedLink[] =>
  [
    { href: '/messages?show=needs-reply', label: 'Needs reply', count: 12, key: 'needs-reply' },
    { href: '/messages?show=waiting', label: 'Waiting for patient', count: 31, key: 'waiting' },
    { href: '/messages?show=not-opened', label: 'Not opened', count: 7, key: 'not-opened' },
    { href: '/messages?show=all', label: 'All', count: null, key: 'all' },
  ].map(({ key, ...link }) => ({ ...link, current: key === current }))

const threadRow = (
  patient: string,
  subject: string,
  tone: Tone,
  status: string,
  activity: string,
  more: object = {},
) => ({
  href: '/messages/0199c1',
  patient,
  subject,
  status: { tone, text: status },
  activityAt: moment(activity, '2026-11-17T19:02:00.000Z'),
  unread: false,
  draft: false,
  files: 0,
  team: '',
  ...more,
})

const teamInbox = {
  heading: 'Diabetes team',
  newHref: '/messages/new',
  lists: lists('all'),
  showing: 'all',
  teams: [],
  drafts: [
    {
      href: '/messages/new?draft=0199e1',
      to: 'amina.yusuf@example.org',
      subject: 'Your next visit',
      savedAt: moment('1:12 pm', '2026-11-17T18:12:00.000Z'),
    },
  ],
  threads: [
    threadRow('Maria Gomez', 'Your blood test result', 'info', 'Patient replied', '3:10 pm', {
      unread: true,
      files: 1,
    }),
    threadRow('James Lee', 'New inhaler', 'ok', 'Opened Tue 2:02 pm', '1:40 pm', { draft: true }),
    threadRow('Amina Yusuf', 'Scan booking', 'warn', 'Notice sent, not opened', '11:15 am', { files: 2 }),
    threadRow(
      'peter.novak@example.org',
      'Discharge letter and what to watch for in the first week at home',
      'bad',
      'Notice did not arrive',
      '9:03 am',
    ),
    threadRow('Ines Costa', 'Your question about the new tablets', 'plain', 'Taken back', 'Mon 4:20 pm'),
  ],
  lastReplyAt: null,
  newer: '',
  older: '/messages?show=all&before=0199a0',
}

const inboxes: Sample[] = [
  sample('messages/inbox', '', 'Messages', maria, {
    filters: inboxFilters('all'),
    showing: 'all',
    allHref: '/messages',
    messages: patientRows,
    newer: '',
    older: '/messages?before=0199a8',
  }),
  sample('messages/inbox', 'unread', 'Messages', maria, {
    filters: inboxFilters('unread'),
    showing: 'unread',
    allHref: '/messages',
    messages: patientRows.slice(0, 2),
    newer: '',
    older: '',
  }),
  sample('messages/inbox', 'empty', 'Messages', maria, {
    filters: inboxFilters('all'),
    showing: 'all',
    allHref: '/messages',
    messages: [],
    newer: '',
    older: '',
  }),
  sample('messages/inbox', 'nothing unread', 'Messages', maria, {
    filters: inboxFilters('unread'),
    showing: 'unread',
    allHref: '/messages',
    messages: [],
    newer: '',
    older: '',
  }),
  sample('messages/team-inbox', '', 'Inbox', dana, teamInbox),
  sample('messages/team-inbox', 'two teams', 'Inbox', dana, {
    ...teamInbox,
    heading: 'All teams',
    teams: [
      { href: '/messages', label: 'All teams', current: true },
      { href: '/messages?team=1', label: 'Diabetes team', current: false },
      { href: '/messages?team=2', label: 'Eye clinic', current: false },
    ],
    threads: teamInbox.threads.map((row, at) => ({ ...row, team: at % 2 ? 'Eye clinic' : 'Diabetes team' })),
    drafts: [],
    newer: '/messages?after=1',
  }),
  ...(['needs-reply', 'waiting', 'not-opened', 'all'] as const).map((showing) =>
    sample('messages/team-inbox', `empty: ${showing}`, 'Inbox', dana, {
      ...teamInbox,
      lists: lists(showing),
      showing,
      threads: [],
      drafts: [],
      older: '',
      lastReplyAt: showing === 'needs-reply' ? moment('2:02 pm', '2026-11-17T19:02:00.000Z') : null,
    }),
  ),
]

const composed = {
  to: 'maria@example.org',
  subject: 'Your blood test result',
  body: 'Dear Maria,\n\nYour new blood test is back.',
  accessCode: true,
}
const compose = {
  draft: '',
  form: { to: '', subject: '', body: '', accessCode: false },
  teams: [{ value: '1', label: 'Diabetes team', selected: true }],
  files: [] as AddedFile[],
  limits,
  saved: '',
  ended: 'You were signed out, and what you wrote is only on this page. Copy it before you sign in.',
  removeHref: '',
  idleMinutes: 15,
  backHref: '/messages',
}

const intake: Sample[] = [
  sample('intake/compose', '', 'New message', dana, compose),
  sample('intake/compose', 'a draft, two teams', 'New message', dana, {
    ...compose,
    draft: '0199e1',
    form: composed,
    teams: [...compose.teams, { value: '2', label: 'Eye clinic', selected: false }],
    files: [
      { id: '0199d2', name: 'Lab report November.pdf', details: 'PDF, 184 KB', state: null, place: null },
      {
        id: '0199d3',
        name: 'a-very-long-file-name-that-somebody-gave-it-without-any-space-in-between.pdf',
        details: 'PDF, 2.3 MB',
        state: null,
        place: null,
      },
    ],
    saved: 'Draft saved 15:31. You find it in your inbox.',
    removeHref: '/drafts/0199e1/delete',
  }),
  sample('intake/compose', 'with errors', 'New message', dana, {
    ...compose,
    form: { ...composed, to: 'maria@', subject: '' },
    errors: [wrong('to', 'Enter one e-mail address, like name@example.org.'), wrong('subject', 'Enter a subject.')],
  }),
  ...[
    { state: '', view: {} },
    { state: 'nothing in it but files', view: { subject: '', excerpt: '', files: 2 } },
  ].map(({ state, view }) =>
    sample('messages/delete-draft', state, 'Delete this draft?', dana, {
      action: '/drafts/0199e1/delete',
      backHref: '/messages/new?draft=0199e1',
      subject: 'Your blood test result',
      excerpt: composed.body,
      files: 0,
      ...view,
    }),
  ),
  sample('intake/check', 'a known patient', 'Check before you send', dana, {
    action: '/drafts/0199e1/send',
    changeHref: '/messages/new?draft=0199e1',
    recipient: { address: 'maria@example.org', name: 'Maria Gomez', known: true },
    accessCode: '',
    team: 'Diabetes team',
    subject: 'Your blood test result',
    paragraphs: fromDana.paragraphs,
    files: [{ name: 'Lab report November.pdf', details: 'PDF, 184 KB' }],
  }),
  sample('intake/check', 'somebody new', 'Check before you send', dana, {
    action: '/drafts/0199e1/send',
    changeHref: '/messages/new?draft=0199e1',
    recipient: { address: 'a.rather.long.address.of.a.patient@mail.example.org', name: '', known: false },
    accessCode: '',
    team: 'Diabetes team',
    subject: 'Your blood test result',
    paragraphs: fromDana.paragraphs,
    files: [],
  }),
  ...(['new', 'earlier', 'needless'] as const).map((accessCode) =>
    sample('intake/check', `with an access code: ${accessCode}`, 'Check before you send', dana, {
      action: '/drafts/0199e1/send',
      changeHref: '/messages/new?draft=0199e1',
      recipient: { address: 'maria@example.org', name: '', known: accessCode === 'needless' },
      accessCode,
      team: 'Diabetes team',
      subject: 'Your blood test result',
      paragraphs: fromDana.paragraphs,
      files: [],
    }),
  ),
]

const recall = {
  action: '/messages/0199c1/recall',
  backHref: '/messages/0199c1',
  subject: 'Your blood test result',
  to: 'Maria Gomez',
  sentAt: fromDana.sentAt,
  openedAt: null,
  held: '',
  possible: true,
}
const receipt = {
  backHref: '/messages/0199c1',
  downloadHref: '/messages/0199c1/receipt.txt',
  to: 'Maria Gomez <maria@example.org>',
  sentAt: fromDana.sentAt,
  opened: true,
  more: 'The link was asked for 12 more times.',
  later: false,
  lines: [
    ['2026-11-16 14:03:10', 'Sent', 'Dana Brooks', false],
    ['2026-11-16 14:03:10', 'Notice sent by mail', 'This system', false],
    ['2026-11-16 14:04:02', 'Link in the notice asked for', 'Nobody who had signed in', false],
    ['2026-11-17 14:38:20', 'Signed in', 'Maria Gomez', false],
    ['2026-11-17 14:40:01', 'Message shown', 'Maria Gomez', true],
    ['2026-11-17 14:41:44', 'File downloaded', 'Maria Gomez', true],
  ].map(([at, what, by, counts]) => ({ at: moment(String(at), '2026-11-17T19:40:00.000Z'), what, by, counts })),
}
const emergency = { phone: '911', phoneHref: 'tel:911' }

const accessCode = {
  fresh: {
    groups: ['7K4M', '9QX2'],
    until: moment('17 December', '2026-12-17T19:02:00.000Z'),
    href: '/messages/0199c1/access-code',
  },
  shown: { groups: [] as string[], until: null, href: '/messages/0199c1/access-code' },
  page: { action: '/messages/0199c1/access-code', backHref: '/messages/0199c1', address: 'maria@example.org' },
  asked: {
    by: 'Dana Brooks',
    madeAt: moment('Tue 14:02', '2026-11-17T19:02:00.000Z'),
    until: moment('17 December', '2026-12-17T19:02:00.000Z'),
  },
}

const otherMessages: Sample[] = [
  sample('messages/recall', 'not opened', 'Take this message back?', dana, recall),
  sample('messages/recall', 'too late', 'Take this message back?', dana, {
    ...recall,
    possible: false,
    openedAt: moment('Tuesday 17 November, 2:40 pm', '2026-11-17T19:40:00.000Z'),
  }),
  sample('messages/recall', 'held', 'Take this message back?', dana, {
    ...recall,
    possible: false,
    held: 'It is kept because of a legal hold, so it cannot be taken back now. An administrator can tell you more.',
  }),
  sample('messages/receipt', 'opened', 'Receipt', dana, receipt),
  sample('messages/receipt', 'not opened', 'Receipt', dana, {
    ...receipt,
    opened: false,
    lines: receipt.lines.slice(0, 3),
  }),
  sample('messages/sent', 'a reply', 'We sent your reply', maria, {
    staff: false,
    kind: 'reply',
    threadHref: '/messages/0199c1',
    messagesHref: '/messages',
    takeBackHref: '/messages/0199c2/recall',
    team: 'Diabetes team',
    answerTime: '2 working days',
    emergency,
  }),
  sample('messages/sent', 'a message to somebody new', 'Your message is on its way', dana, {
    staff: true,
    kind: 'message',
    threadHref: '/messages/0199c1',
    messagesHref: '/messages',
    takeBackHref: '/messages/0199c1/recall',
    accessCode: null,
    recipient: { address: 'maria@example.org', known: false },
  }),
  sample('messages/sent', 'with an access code', 'Your message is on its way', dana, {
    staff: true,
    kind: 'message',
    threadHref: '/messages/0199c1',
    messagesHref: '/messages',
    takeBackHref: '/messages/0199c1/recall',
    accessCode: accessCode.fresh,
    recipient: { address: 'maria@example.org', known: false },
  }),
  sample('messages/sent', 'an access code that was shown before', 'Your message is on its way', dana, {
    staff: true,
    kind: 'message',
    threadHref: '/messages/0199c1',
    messagesHref: '/messages',
    takeBackHref: '/messages/0199c1/recall',
    accessCode: accessCode.shown,
    recipient: { address: 'maria@example.org', known: false },
  }),
  sample('messages/access-code', 'made just now', 'Access code', dana, {
    ...accessCode.page,
    accessCode: accessCode.fresh,
    asked: { ...accessCode.asked, state: 'open', givenAt: null },
  }),
  sample('messages/access-code', 'none asked for', 'Access code', dana, {
    ...accessCode.page,
    accessCode: accessCode.shown,
    asked: null,
  }),
  ...(['open', 'given', 'lapsed', 'expired'] as const).map((state) =>
    sample('messages/access-code', state, 'Access code', dana, {
      ...accessCode.page,
      accessCode: accessCode.shown,
      asked: {
        ...accessCode.asked,
        state,
        givenAt: state === 'given' || state === 'lapsed' ? moment('Wed 09:30', '2026-11-18T14:30:00.000Z') : null,
      },
    }),
  ),
  sample('messages/sent', 'opened already', 'Your message is on its way', dana, {
    staff: true,
    kind: 'message',
    threadHref: '/messages/0199c1',
    messagesHref: '/messages',
    takeBackHref: '',
    accessCode: null,
    recipient: { address: 'maria@example.org', known: true },
  }),
  sample('messages/given-back', 'a reply of somebody who was signed out', 'Your message was not sent', null, {
    signedOut: true,
    to: '',
    subject: '',
    text: 'Here is the photo. It hurts less than last week, mostly in the evening.\n\nShould I still come on Friday?',
    href: '/sign-in?next=%2Fmessages%2F0199c1',
  }),
  sample('messages/given-back', 'a message of the sign-in before', 'Your text was not saved', dana, {
    signedOut: false,
    to: 'maria@example.org',
    subject: 'Your blood test result',
    text: 'Dear Maria,\n\nYour new blood test is back.',
    href: '/messages/new',
  }),
  sample('messages/withdrawn', 'taken back', 'This message was taken back', null, {
    reason: 'recalled',
    at: moment('Monday 16 November, 9:30 am', '2026-11-16T14:30:00.000Z'),
    backHref: '',
  }),
  sample('messages/withdrawn', 'erased', 'This message was erased', null, {
    reason: 'erased',
    at: moment('Tuesday 17 November, 3:10 pm', '2026-11-17T20:10:00.000Z'),
    backHref: '',
  }),
  sample('messages/withdrawn', 'expired', 'This message is no longer here', maria, {
    reason: 'expired',
    at: moment('1 November', '2026-11-01T05:00:00.000Z'),
    backHref: '/messages',
  }),
  ...(['file-away', 'file-lost'] as const).map((kind) =>
    sample(
      'attachments/unopened',
      kind,
      kind === 'file-away' ? 'We cannot open this file at the moment' : 'This file cannot be opened',
      maria,
      {
        kind,
        name: 'Lab report November.pdf',
        backHref: '/messages/0199c1',
        reference: '0199c1a0-7b1e-7c44-9f0a-5d2e8b6c1f03',
      },
    ),
  ),
  sample('attachments/attachment', 'a picture', 'One file', maria, {
    ...file,
    name: 'How to measure at home.jpg',
    kind: 'picture',
    type: 'Picture',
    pages: [
      {
        src: '/sample-picture.svg',
        alt: 'A picture of what is in the file How to measure at home.jpg',
        width: 640,
        height: 480,
        title: '',
        paragraphs: [],
      },
    ],
  }),
  sample('attachments/attachment', 'pages of a PDF', 'One file', maria, {
    ...file,
    pages: [pageOf(1, [['Riverside Clinic', 'Lab report'], ['HbA1c 6.8 %']]), pageOf(2, [])],
    rest: 'These are the first 2 of 31 pages. Download the file to see the others.',
    checked: 'We looked and found none',
  }),
  ...[
    [
      'without a preview',
      'We cannot show this kind of file here',
      'Download it to open it with a program on your device.',
    ],
    [
      'locked',
      'This PDF is locked with a password',
      'We cannot show it here. Download it and open it with the password that its sender gave you.',
    ],
  ].map(([state, title, text]) =>
    sample('attachments/attachment', state!, 'One file', maria, { ...file, none: { title: title!, text: text! } }),
  ),
  ...(
    [
      [
        'being checked',
        'info',
        'checking',
        'This file is still being checked',
        'We look for malware in every file before you get it. That mostly takes less than a minute.',
      ],
      [
        'held',
        'warn',
        'held',
        'This file could not be checked yet',
        'We keep it back until we know that it holds no malware. We try again by ourselves. If you need it today, call us.',
      ],
      [
        'blocked',
        'bad',
        '',
        'This file was blocked because it holds malware',
        'It could harm your device, so nobody can open it here. The message itself is safe to read. We told whoever sent it.',
      ],
    ] as [string, Tone, string, string, string][]
  ).map(([state, tone, now, title, text]) =>
    sample('attachments/attachment', state, 'One file', maria, {
      ...file,
      state: { tone, title, text, now, again: now && '/attachments/0199a1', asks: now && '/attachments/0199a1/check' },
      downloadHref: '',
    }),
  ),
]

const event = (
  local: string,
  utc: string,
  actor: [string, string],
  act: [string, string],
  subject: [string, string],
  outcome: [Tone, string, string?, string?],
  where = '203.0.113.7',
) => ({
  href: '/admin/access-events/0199c1a0-7b1e-7c44-9f0a-5d2e8b6c1f03',
  number: act[1] === 'message.opened' ? '184,220' : '',
  at: { local, utc, wholeUtc: '2026-11-17T19:02:11.000Z', iso: '2026-11-17T19:02:11.000Z' },
  actor: { name: actor[0], role: actor[1] },
  act: { text: act[0], how: act[1] === 'account.signed-in' ? 'with password and code' : '', code: act[1] },
  subject: { text: subject[0], id: subject[1] },
  outcome: {
    tone: outcome[0],
    text: outcome[1],
    times: outcome[2] ? '7 times' : '',
    reason: outcome[2] ?? '',
    said: outcome[3] ?? '',
    found: '',
  },
  where,
})

const accessLog = {
  integrity: integrity.good,
  form: {
    who: '',
    patient: '',
    network: '',
    from: '',
    to: '',
    acts: [
      { value: '', label: 'Anything', selected: true },
      { value: 'message.opened', label: 'Opened a message', selected: false },
    ],
    outcomes: [
      { value: '', label: 'Any', selected: true },
      { value: 'denied', label: 'Denied', selected: false },
    ],
    periods: [{ value: '90', label: '3 months', selected: true }],
  },
  chips: [] as { text: string; href: string }[],
  scope: 'in the last 3 months, which is what the log shows first',
  count: '184,220 events',
  chart: matches as typeof matches | null,
  clearHref: '/admin/access-events',
  events: [
    event(
      '2026-11-17 14:05:40',
      '19:05:40',
      ['Letterlock', ''],
      ['Used the recovery key for somebody', 'recovery-key.used'],
      ['Maria Gomez', '0199c1a0-7b1e-7c44-9f0a-5d2e8b6c1f09'],
      [
        'ok',
        'Done',
        'With shares of the recovery key',
        'She lost her phone and the paper with the codes; Dr Reid knows her.',
      ],
      '',
    ),
    event(
      '2026-11-17 14:02:11',
      '19:02:11',
      ['Dana Ortiz', 'Care team'],
      ['Opened a message', 'message.opened'],
      ['Message', '0199c1a0-7b1e-7c44-9f0a-5d2e8b6c1f03'],
      ['ok', 'Done'],
    ),
    event(
      '2026-11-17 14:01:40',
      '19:01:40',
      ['James Lee', 'Patient'],
      ['Opened a message', 'message.opened'],
      ['Message', '0199c1a0-7b1e-7c44-9f0a-5d2e8b6c1f03'],
      ['bad', 'Denied', 'It is not theirs'],
      '2001:db8::7:41',
    ),
    event(
      '2026-11-17 13:58:40',
      '18:58:40',
      ['Letterlock', ''],
      ['Could not send a notice', 'notice.failed'],
      ['Message', '0199c19f-02aa-7d10-8c55-0f6a1b2c3d4e'],
      ['warn', 'Failed', 'The mail server refused it for good'],
      '–',
    ),
    event(
      '2026-11-17 13:51:02',
      '18:51:02',
      ['Nobody signed in', ''],
      ['Gave wrong sign-in details', 'sign-in.refused'],
      ['–', ''],
      ['bad', 'Denied', 'wrong-password'],
    ),
  ],
  newer: '',
  older: '/admin/access-events?before=1',
}

const erasures = {
  mayErase: true,
  eraseHref: '/admin/erasures/new',
  erased: false,
  verifier: 'messages.example.org/destruction+4b6f3f1c+AXn0rW0u2l6dmnC0uBz5VqOeT0lNQ2o1Y3b3x6yq1yQz',
  erasures: [
    {
      id: '0199c1d2-4d5e-7a6b-8c7d-9e0f1a2b3c4d',
      erasedAt: moment('2026-11-17 15:10:02', '2026-11-17T20:10:02.000Z'),
      sentAt: moment('2026-11-17 14:02:11', '2026-11-17T19:02:11.000Z'),
      why: 'Erased by Robin Hale',
      reason: 'It was sent to the wrong ward, and both wards have agreed that nobody needs it any more.',
      files: 2,
      certificateHref: '/admin/erasures/0199c1d2-4d5e-7a6b-8c7d-9e0f1a2b3c4d/certificate',
    },
    {
      id: '0199c1d2-4d5e-7a6b-8c7d-9e0f1a2b3c4e',
      erasedAt: moment('2026-11-16 09:30:40', '2026-11-16T14:30:40.000Z'),
      sentAt: moment('2026-11-16 09:03:00', '2026-11-16T14:03:00.000Z'),
      why: 'Taken back by its sender',
      reason: '',
      files: 0,
      certificateHref: '/admin/erasures/0199c1d2-4d5e-7a6b-8c7d-9e0f1a2b3c4e/certificate',
    },
  ],
  newer: '',
  older: '/admin/erasures?before=1763303440000.0199c1d2-4d5e-7a6b-8c7d-9e0f1a2b3c4e',
}
const eraseWhich = { backHref: '/admin/erasures', action: '/admin/erasures/new', form: { message: '' } }
const erase = {
  backHref: '/admin/erasures',
  action: '/admin/erasures/0199c1d2-4d5e-7a6b-8c7d-9e0f1a2b3c4d/erase',
  message: {
    id: '0199c1d2-4d5e-7a6b-8c7d-9e0f1a2b3c4d',
    from: 'Diabetes team',
    sentAt: moment('Tuesday 17 November, 14:02', '2026-11-17T19:02:11.000Z'),
    files: 2,
    opened: true,
  },
  gone: null,
  held: false,
  holdsHref: '/admin/holds',
  form: { reason: '', word: '' },
  limit: 500,
}
const heldPerson = {
  id: '0199c1d2-4d5e-7a6b-8c7d-9e0f1a2b3c50',
  what: 'A person',
  on: 'Maria Gomez',
  isId: false,
  reason: 'Claim 2026/114. Our lawyers asked for it on the phone and in writing.',
  placedAt: moment('Monday 16 November, 11:20', '2026-11-16T16:20:00.000Z'),
  placedBy: 'Robin Hale',
  liftHref: '/admin/holds/0199c1d2-4d5e-7a6b-8c7d-9e0f1a2b3c50/lift',
  lifted: null,
}
const heldMessage = {
  ...heldPerson,
  id: '0199c1d2-4d5e-7a6b-8c7d-9e0f1a2b3c51',
  what: 'One message',
  on: '0199c1d2-4d5e-7a6b-8c7d-9e0f1a2b3c4d',
  isId: true,
}
const holds = {
  mayPlace: true,
  placeHref: '/admin/holds/new',
  placed: false,
  lifted: false,
  holds: [heldPerson, heldMessage],
  past: [
    {
      ...heldMessage,
      lifted: {
        at: moment('Tuesday 17 November, 9:00', '2026-11-17T14:00:00.000Z'),
        by: 'Robin Hale',
        reason: 'The claim was withdrawn.',
      },
    },
  ],
}
const holdNew = {
  backHref: '/admin/holds',
  action: '/admin/holds/new',
  things: [
    { value: 'message', label: 'One message', hint: 'With its files.', selected: true },
    {
      value: 'thread',
      label: 'A whole conversation',
      hint: 'Every message in it, also those that come later. Name any one of them.',
      selected: false,
    },
    {
      value: 'account',
      label: 'A person',
      hint: 'Every conversation that they take part in themselves, and what they wrote for a team.',
      selected: false,
    },
  ],
  form: { message: '', email: '', reason: '' },
  limit: 500,
}
const holdLift = {
  backHref: '/admin/holds',
  action: heldPerson.liftHref,
  hold: heldPerson,
  form: { reason: '' },
  limit: 500,
}

const exportLine = {
  what: 'Access log',
  format: 'CSV',
  filter: 'Patient: Maria Gomez; What: Opened a message; From: 2026-11-01 00:00:00',
  rows: '1,204',
  by: 'Alex Moreau',
  at: moment('2026-11-17 15:10:02', '2026-11-17T20:10:02.000Z'),
  state: { tone: 'ok', text: 'Ready', why: '' },
}
const EXPORT = '/admin/exports/0199c1d2-4d5e-7a6b-8c7d-9e0f1a2b3c60'
const exportPage = {
  backHref: '/admin/exports',
  againHref: EXPORT,
  export: {
    ...exportLine,
    hash: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    size: '184,220',
    until: '2026-11-18 15:10:04',
    note: 'UTF-8 with a byte order mark, lines end with CR LF. Texts that a spreadsheet would calculate have an apostrophe in front.',
  },
  preparing: false,
  stateHref: `${EXPORT}/state`,
  cancelHref: '',
  href: `${EXPORT}/files/mh1x2y3z.${'A'.repeat(43)}`,
  isLate: false,
}
const notThere = { ...exportPage.export, rows: '', hash: '', size: '', until: '', note: '' }
const choices = (chosen: string, ...labels: [string, string, string][]) =>
  labels.map(([value, label, hint]) => ({ value, label, hint, selected: value === chosen }))
const exportNew = {
  backHref: '/admin/exports',
  action: '/admin/exports/new',
  chosen: null,
  form: { who: '', patient: '', address: '', session: '', from: '', to: '' },
  acts: [{ value: '', label: 'Anything', selected: true }],
  outcomes: [{ value: '', label: 'Any', selected: true }],
  formats: choices(
    'csv',
    ['csv', 'CSV', 'For a spreadsheet. UTF-8 with a byte order mark.'],
    ['ndjson', 'NDJSON with proofs', 'For whoever must prove it.'],
    ['pdf', 'PDF', 'To print, with a title page. Up to 5,000 lines.'],
  ),
}
const reports = {
  reports: [
    {
      title: 'About a patient',
      text: 'The accounting of disclosures over six years, or everybody who opened their messages.',
      href: '/admin/reports/patient',
    },
    { title: 'Sign-in', text: 'How many have a passkey, a code app, or neither yet.', href: '/admin/reports/coverage' },
  ],
}
const reportAsk = {
  heading: 'About a patient',
  text: 'The accounting of disclosures over six years, or everybody who opened their messages.',
  backHref: '/admin/reports',
  action: '/admin/reports/patient',
  fields: [{ name: 'email', type: 'email', label: 'E-mail address', hint: '', optional: '', value: '' }],
  choices: choices(
    'disclosures',
    ['disclosures', 'Accounting of disclosures', 'What left the organisation, over six years (45 CFR 164.528).'],
    ['openings', 'Who opened their messages', 'Every opening of a message or file, by anybody, over six years.'],
  ),
}
const reportCells = (...texts: string[]) =>
  texts.map((text, at) => ({ label: ['Time', 'Who received it', 'What', 'Purpose', 'Why'][at], text, first: at === 0 }))
const report = {
  about: 'What about this patient left the organisation: when, who received it, what, and why.',
  backHref: '/admin/reports/patient',
  beside: { label: 'Who opened this patient’s messages', href: '/admin/reports/patients/0199c1/openings' },
  more: { label: 'Write down a disclosure', href: '/admin/reports/patients/0199c1/disclosures/new' },
  done: '',
  facts: [{ name: 'Patient', value: 'Maria Gomez' }],
  columns: ['Time', 'Who received it', 'What', 'Purpose', 'Why'],
  rows: [
    {
      cells: reportCells(
        '2026-11-02 00:00:00',
        'County health office',
        'Lab result',
        'Public health',
        'Reportable disease',
      ),
      entry: { href: '/admin/reports/disclosures/0199c1/withdraw', label: 'Written down in error' },
    },
    {
      cells: reportCells('2026-11-09 14:20:11', 'Nora Reed', 'Opened a message', 'Seen by another patient', ''),
      entry: null,
    },
  ],
  hasEntries: true,
  count: '2 lines',
  exports: [
    { label: 'Export as CSV', href: '/admin/exports/new?kind=disclosures&format=csv&subject=0199c1', format: 'csv' },
    { label: 'Export as PDF', href: '/admin/exports/new?kind=disclosures&format=pdf&subject=0199c1', format: 'pdf' },
  ],
  hidden: [] as { name: string; value: string }[],
}
const disclosureNew = {
  backHref: '/admin/reports/patients/0199c1/disclosures',
  action: '/admin/reports/patients/0199c1/disclosures/new',
  form: { day: '', recipient: '', what: '', why: '' },
  purposes: [
    { value: '', label: 'Choose', selected: true },
    { value: 'court', label: 'Court or tribunal', selected: false },
  ],
  limit: 500,
}
const protection = {
  backHref: '/messages/0199c1',
  id: '',
  facts: [
    { name: 'Locked', value: '2026-11-17 14:02:11' },
    { name: 'Text', value: 'AES-256-GCM, each key made with HKDF-Expand-SHA-384' },
    { name: 'Key', value: 'A key of its own, which rests locked under the key of the conversation' },
  ],
  holders: [
    { who: 'Diabetes team', how: 'locked to the public half of their key (HPKE, P-256)', version: 1 },
    { who: 'Maria Gomez', how: 'locked under a key made from the secret half of theirs (AES-256-GCM)', version: 2 },
  ],
}

/** Exports, reports, and how a message is protected. */
function exportsAndReports(): Sample[] {
  const wrongForm = [
    wrong('patient', 'Nobody here has this e-mail address.'),
    wrong('format', 'Choose as what you want it.'),
  ]
  const preparing = { tone: 'info', text: 'Being prepared: 4,000 of 91,220 lines', why: '' }
  const failed = {
    tone: 'bad',
    text: 'Failed',
    why: 'It has more than 5,000 lines, which nobody prints. Choose CSV, or fewer days.',
  }
  const secret = [
    { name: 'kind', value: 'touched' },
    { name: 'address', value: '192.0.2.7' },
  ]
  return [
    sample('reports/exports', '', 'Exports', alex, {
      newHref: '/admin/exports/new',
      exports: [
        { ...exportLine, href: EXPORT },
        { ...exportLine, format: 'PDF', rows: '', state: failed, href: EXPORT },
        { ...exportLine, rows: '', state: preparing, href: EXPORT },
      ],
    }),
    sample('reports/exports', 'empty', 'Exports', robin, { newHref: '/admin/exports/new', exports: [] }),
    sample('reports/export', '', 'Export', alex, exportPage),
    sample('reports/export', 'a link was too old', 'Export', alex, { ...exportPage, isLate: true }),
    sample('reports/export', 'being prepared', 'Export', alex, {
      ...exportPage,
      export: { ...notThere, state: preparing },
      preparing: true,
      cancelHref: `${EXPORT}/cancel`,
      href: '',
    }),
    sample('reports/export', 'failed', 'Export', alex, {
      ...exportPage,
      export: { ...notThere, state: failed },
      href: '',
    }),
    sample('reports/export-new', '', 'New export', alex, exportNew),
    sample('reports/export-new', 'with errors', 'New export', alex, {
      ...exportNew,
      form: { ...exportNew.form, patient: 'nobody@mail.example' },
      errors: wrongForm,
    }),
    sample('reports/export-new', 'of a report', 'New export', alex, {
      ...exportNew,
      chosen: {
        what: 'Accounting of disclosures',
        filter: 'Patient: Maria Gomez',
        hidden: [{ name: 'kind', value: 'disclosures' }],
      },
    }),
    sample('reports/reports', '', 'Reports', alex, reports),
    sample('reports/report-ask', '', 'About a patient', alex, reportAsk),
    sample('reports/report-ask', 'with errors', 'About a patient', alex, {
      ...reportAsk,
      errors: [wrong('email', 'No patient here has this e-mail address.'), wrong('report', 'Choose a report.')],
    }),
    sample('reports/report', '', 'Accounting of disclosures', robin, report),
    sample('reports/report', 'one was just written down', 'Accounting of disclosures', robin, {
      ...report,
      done: 'The disclosure was written down.',
    }),
    sample('reports/report', 'empty, for an auditor', 'Accounting of disclosures', alex, {
      ...report,
      more: null,
      hasEntries: false,
      rows: [],
      count: '0 lines',
    }),
    sample('reports/report', 'of a network address', 'Accounting of disclosures', alex, {
      ...report,
      beside: null,
      more: null,
      hasEntries: false,
      hidden: secret,
    }),
    sample('reports/disclosure-new', '', 'Write down a disclosure', robin, disclosureNew),
    sample('reports/disclosure-new', 'with errors', 'Write down a disclosure', robin, {
      ...disclosureNew,
      errors: [
        wrong('day', 'Enter a day that has been, like 2026-11-17.'),
        wrong('purpose', 'Choose a purpose from the list.'),
      ],
    }),
    sample('messages/protection', '', 'How this message is protected', maria, protection),
    sample('messages/protection', 'erased, for an auditor', 'How this message is protected', alex, {
      ...protection,
      id: '0199c1d2-4d5e-7a6b-8c7d-9e0f1a2b3c4d',
      facts: [{ name: 'Text and key', value: 'Destroyed at 2026-11-17 15:10:02. Nobody can bring them back.' }],
      holders: [],
    }),
  ]
}

const people = [
  {
    name: 'Dana Ortiz',
    href: '/admin/people/019a8d3c-0000-7000-8000-00000000000a',
    locked: true,
    ways: 'Password and code app, 1 passkey',
    email: 'dana.ortiz@example.org',
    role: 'Care team',
    teams: 'Diabetes team, Eye clinic',
    state: 'active',
    stateText: 'Active',
    lastSignedInAt: moment('2:02 pm', '2026-11-17T19:02:00.000Z'),
  },
  {
    name: 'Sam Reid',
    href: '/admin/people/019a8d3c-0000-7000-8000-00000000000a',
    locked: false,
    ways: '',
    email: 'sam.reid@example.org',
    role: 'Care team',
    teams: 'Eye clinic',
    state: 'invited',
    stateText: 'Invited',
    lastSignedInAt: null,
  },
  {
    name: 'Robin Hale',
    href: '/admin/people/019a8d3c-0000-7000-8000-00000000000a',
    locked: false,
    ways: '2 passkeys',
    email: 'robin.hale@example.org',
    role: 'Administrator',
    teams: '',
    state: 'active',
    stateText: 'Active',
    lastSignedInAt: moment('Mon 9:12 am', '2026-11-16T14:12:00.000Z'),
  },
  {
    name: 'Alex Moreau',
    href: '/admin/people/019a8d3c-0000-7000-8000-00000000000a',
    locked: false,
    ways: '',
    email: 'alex.moreau@example.org',
    role: 'Auditor',
    teams: '',
    state: 'closed',
    stateText: 'Closed',
    lastSignedInAt: moment('3 Aug', '2026-08-03T14:12:00.000Z'),
  },
]

const invite = {
  action: '/admin/people/invite',
  backHref: '/admin/people',
  form: { name: '', email: '', newTeam: '' },
  roles: [
    { value: 'provider', label: 'Care team', hint: 'Reads and writes messages for a team.', selected: true },
    {
      value: 'admin',
      label: 'Administrator',
      hint: 'Invites people and sees the access log. Reads no messages.',
      selected: false,
    },
    { value: 'auditor', label: 'Auditor', hint: 'Sees the access log and nothing else.', selected: false },
  ],
  teams: [
    { value: '', label: 'Choose a team', selected: true },
    { value: '1', label: 'Diabetes team', selected: false },
  ],
}

const inThreeDays = moment('Friday 20 November, 2:02 pm', '2026-11-20T19:02:00.000Z')
const addressChange = {
  state: 'waits-for-new',
  newEmail: 'maria.gomez@new-provider.example',
  oldEmail: 'maria@example.org',
  oldConfirmed: false,
  endsAt: moment('Wednesday 18 November, 2:02 pm', '2026-11-18T19:02:00.000Z'),
}
const waitsForOld = { ...addressChange, state: 'waits-for-old', endsAt: inThreeDays }
const ownAccount = {
  mode: 'managed',
  done: '',
  name: 'Maria Gomez',
  email: 'maria@example.org',
  change: null as null | typeof addressChange,
  passwordChangedAt: moment('Tuesday 17 November, 2:02 pm', '2026-11-17T19:02:00.000Z'),
  codeApp: true,
  codesLeft: 8,
  signOn: null,
  passkeyCount: 0,
  sessionCount: 2,
  signedInBefore: { day: 'Monday 16 November', time: '9:14 am', iso: '2026-11-16T14:14:00.000Z' } as null | object,
  maskedAddress: 'm…\u2060@example.org',
  staff: false,
  languages: [{ code: 'en', name: 'English' }],
}
const addressAsked = {
  changed: null as null | Moment,
  askedAt: moment('Tuesday 17 November, 2:02 pm', '2026-11-17T19:02:00.000Z'),
  endsAt: inThreeDays,
  newAddress: 'm…\u2060@new-provider.example',
  newConfirmed: false,
  oldConfirmed: false,
  stopAction: '/address-change/3uY7sample/stop',
  confirmAction: '',
  signInHref: '/sign-in?next=/address-change/3uY7sample',
}
const opened = (at: string, who: string, team: string, did: string, message: string, href = '/messages/0199c1') => ({
  at: moment(at, '2026-11-17T19:02:00.000Z'),
  who,
  team,
  did,
  message,
  href,
})
const openings = {
  heading: 'Who opened your messages',
  days: [
    {
      day: 'Tuesday 17 November',
      openings: [
        opened('3:24 pm', 'Dana Ortiz', 'Diabetes team', 'opened', 'a message of Tuesday 17 November'),
        opened('3:09 pm', 'You', '', 'saved a file of', 'a message of Tuesday 17 November'),
        opened('2:40 pm', 'You', '', 'opened', 'a message of Tuesday 17 November'),
      ],
    },
    {
      day: 'Monday 16 November',
      openings: [
        opened(
          '9:14 am',
          'Sam Reid',
          'Eye clinic, Diabetes team',
          'looked at a file of',
          'a message of Friday 31 December 2025',
          '',
        ),
      ],
    },
  ],
  newer: '',
  older: '/account/openings?before=1.0199a1',
}
const otherCodeApp = {
  action: '/account/code-app',
  otpauthHref:
    'otpauth://totp/Riverside%20Clinic:maria%40example.org?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Riverside%20Clinic',
  keyGroups: ['JBSW', 'Y3DP', 'EHPK', '3PXP', 'JBSW', 'Y3DP', 'EHPK', '3PXP'],
  qr,
}

function signOnPages(): Sample[] {
  const title = `Sign in with ${SIGN_ON}`
  const nothing = {
    name: SIGN_ON,
    done: '',
    problem: '',
    linked: null,
    found: null,
    beginHref: '/account/sign-on/begin',
  }
  const since = moment('Tuesday 17 November, 2:02 pm', '2026-11-17T19:02:00.000Z')
  return [
    sample('own-account/sign-on', '', title, dana, nothing),
    sample('own-account/sign-on', 'failed', title, dana, { ...nothing, problem: 'failed' }),
    sample('own-account/sign-on', 'taken', title, dana, { ...nothing, problem: 'taken' }),
    sample('own-account/sign-on', 'to be confirmed', title, dana, {
      ...nothing,
      found: { name: 'd.ortiz@riverside.example' },
    }),
    sample('own-account/sign-on', 'to be confirmed, without a name', title, dana, { ...nothing, found: { name: '' } }),
    sample('own-account/sign-on', 'linked', title, robin, {
      ...nothing,
      done: 'linked',
      linked: { since, usedAt: null },
    }),
    sample('own-account/sign-on', 'linked with another', title, dana, {
      ...nothing,
      problem: 'taken-here',
      linked: { since, usedAt: since },
    }),
    sample('own-account/sign-on', 'linked and used', title, alex, { ...nothing, linked: { since, usedAt: since } }),
    sample('own-account/sign-on', 'removed', title, dana, { ...nothing, done: 'removed' }),
  ]
}

const accountPages: Sample[] = [
  sample('own-account/account', '', 'Account', maria, ownAccount),
  sample('own-account/account', 'sealed', 'Account', maria, { ...ownAccount, mode: 'sealed' }),
  sample('own-account/account', 'password changed, an address waits', 'Account', maria, {
    ...ownAccount,
    done: 'password',
    change: addressChange,
  }),
  sample('own-account/account', 'the old address is waited for', 'Account', maria, {
    ...ownAccount,
    change: waitsForOld,
  }),
  sample('own-account/account', 'the address was changed, no name, a passkey only', 'Account', maria, {
    ...ownAccount,
    name: '',
    done: 'address-changed',
    passwordChangedAt: null,
    codeApp: false,
    codesLeft: 1,
    passkeyCount: 2,
    sessionCount: 1,
    signedInBefore: null,
    change: { ...addressChange, state: 'changed', endsAt: inThreeDays },
  }),
  sample('own-account/account', 'for a provider', 'Account', dana, { ...ownAccount, name: 'Dana Ortiz', staff: true }),
  sample('own-account/account', 'with a sign-on', 'Account', robin, {
    ...ownAccount,
    name: 'Robin Hale',
    signOn: { name: SIGN_ON, linked: true },
  }),
  ...signOnPages(),
  sample('own-account/name', '', 'Change your name', maria, { form: { name: 'Maria Gomez' } }),
  sample('own-account/name', 'empty', 'Change your name', maria, {
    form: { name: '' },
    errors: [wrong('name', 'Enter your name.')],
  }),
  sample('own-account/password', '', 'Change your password', maria, { hasPassword: true, asksCurrent: true }),
  sample('own-account/password', 'with errors', 'Change your password', maria, {
    hasPassword: true,
    asksCurrent: true,
    errors: [
      wrong('current', 'That is not the password that you have now. Try again.'),
      wrong('password', 'Enter a password.'),
    ],
  }),
  sample('own-account/password', 'the first one', 'Add a password', maria, { hasPassword: false, asksCurrent: false }),
  sample('own-account/code-app', '', 'Set up another code app', maria, otherCodeApp),
  sample('own-account/code-app', 'the first one', 'Set up a code app', maria, { ...otherCodeApp, first: true }),
  sample('own-account/code-app', 'wrong code', 'Set up another code app', maria, {
    ...otherCodeApp,
    errors: [wrong('code', 'That code is not right. Wait for the next one and type it within 30 seconds.')],
  }),
  sample('own-account/address', '', 'Change your e‑mail address', maria, {
    current: 'maria@example.org',
    change: null,
    form: { email: '' },
  }),
  sample('own-account/address', 'not an address', 'Change your e‑mail address', maria, {
    current: 'maria@example.org',
    change: null,
    form: { email: 'maria@' },
    errors: [wrong('email', 'Enter one e-mail address, like name@example.org.')],
  }),
  sample('own-account/address', 'both are waited for', 'Change your e‑mail address', maria, {
    current: 'maria@example.org',
    change: addressChange,
    form: { email: '' },
  }),
  sample('own-account/address', 'the old one is waited for', 'Change your e‑mail address', maria, {
    current: 'maria@example.org',
    change: waitsForOld,
    form: { email: '' },
  }),
  sample('own-account/confirm-address', '', 'Confirm your new address', maria, {
    action: '/account/address/confirm/3uY7sample',
    newEmail: 'maria.gomez@new-provider.example',
    oldEmail: 'maria@example.org',
  }),
  sample('own-account/address-change', '', 'A change of your e-mail address', null, addressAsked),
  sample('own-account/address-change', 'its owner is signed in', 'A change of your e-mail address', maria, {
    ...addressAsked,
    newConfirmed: true,
    signInHref: '',
    confirmAction: '/address-change/3uY7sample/confirm',
  }),
  sample('own-account/address-change', 'somebody else is signed in', 'A change of your e-mail address', dana, {
    ...addressAsked,
    signInHref: '',
  }),
  sample('own-account/address-change', 'confirmed', 'A change of your e-mail address', maria, {
    ...addressAsked,
    oldConfirmed: true,
    signInHref: '',
  }),
  sample('own-account/address-change', 'changed', 'A change of your e-mail address', null, {
    ...addressAsked,
    changed: moment('Tuesday 17 November, 3:02 pm', '2026-11-17T20:02:00.000Z'),
  }),
  ...(
    [
      ['stopped', 'The change was stopped'],
      ['restored', 'Your address is back'],
      ['taken', 'We could not bring your address back'],
      ['new', 'This address cannot be used'],
    ] as const
  ).map(([done, title]) => sample('own-account/address-stopped', done, title, null, { done })),
  sample('own-account/not-me', '', 'Was this not you?', null, {
    action: '/not-me/3uY7sample',
    what: 'Your password was changed on Tuesday 17 November, 2:02 pm.',
    passkey: false,
    signOn: false,
    earlier: false,
  }),
  sample('own-account/not-me', 'earlier messages', 'Was this not you?', null, {
    action: '/not-me/3uY7sample',
    what: 'Your earlier messages were opened again for your new sign-in on Tuesday 17 November, 2:02 pm.',
    passkey: false,
    signOn: false,
    earlier: true,
  }),
  sample('own-account/not-me', 'a sign-on', 'Was this not you?', null, {
    action: '/not-me/3uY7sample',
    what: 'Your account was linked with a sign-in at your workplace on Tuesday 17 November, 2:02 pm.',
    passkey: false,
    signOn: true,
    earlier: false,
  }),
  sample('own-account/disowned', '', 'We locked others out', null, {
    restored: false,
    removed: true,
    kept: [],
    unlinked: false,
    closed: false,
  }),
  sample('own-account/disowned', 'a sign-on', 'We locked others out', null, {
    restored: false,
    removed: false,
    kept: [],
    unlinked: true,
    closed: false,
  }),
  sample('own-account/disowned', 'with the address', 'We locked others out', null, {
    restored: true,
    removed: false,
    kept: ['Phone'],
    unlinked: false,
    closed: false,
  }),
  sample('own-account/disowned', 'earlier messages', 'We locked others out', null, {
    restored: false,
    removed: false,
    kept: [],
    unlinked: false,
    closed: true,
  }),
  sample('own-account/openings', '', 'Who opened your messages', maria, openings),
  sample('own-account/openings', 'empty', 'Who opened your messages', maria, {
    ...openings,
    days: [],
    older: '',
  }),
]

const consolePages: Sample[] = [
  sample('reports/access-events', '', 'Access log', robin, accessLog),
  sample('reports/access-events', 'filtered, for an auditor', 'Access log', alex, {
    ...accessLog,
    integrity: integrity.bad,
    form: { ...accessLog.form, who: 'james.lee@mail.example', from: '2026-11-01', to: '2026-11-17' },
    chips: [{ text: 'By James Lee', href: '/admin/access-events?from=2026-11-01' }],
    events: accessLog.events.slice(1, 2),
    older: '',
  }),
  sample('reports/access-events', 'nothing fits', 'Access log', robin, {
    ...accessLog,
    integrity: integrity.never,
    count: '0 events',
    chart: { ...matches, empty: 'Nothing to draw.' },
    events: [],
    older: '',
  }),
  sample('reports/access-events', 'a wrong day', 'Access log', robin, {
    ...accessLog,
    form: { ...accessLog.form, from: '2026-13-40' },
    scope: '',
    chart: null,
    events: [],
    older: '',
    errors: [wrong('from', 'Enter a day that there is.')],
  }),
  sample('reports/event', '', 'Event 184,220', robin, {
    ...oneEvent,
    event: { ...accessLog.events[1]!, ...eventMore },
    sameRequest: accessLog.events.slice(2, 3),
    around: accessLog.events.slice(0, 3).map((each, at) => ({ ...each, isThis: at === 1 })),
  }),
  sample('reports/event', 'waits, its details do not open', 'An event that has no number yet', alex, {
    ...oneEvent,
    event: {
      ...accessLog.events[4]!,
      ...eventMore,
      strength: '',
      browser: '',
      before: '',
      after: '',
      asked: '',
      askedHref: '',
    },
    details: 'closed',
    links: [],
    proof: null,
    sameRequest: [],
    around: [],
  }),
  sample('reports/overview', '', 'Overview', robin, { ...overview, latest: accessLog.events }),
  sample('reports/overview', 'nothing yet, for an auditor', 'Overview', alex, { ...nothingYet, latest: [] }),
  sample('reports/find-patient', 'nobody', 'Find a patient', robin, {
    backHref: '/admin',
    form: { email: 'nobody@mail.example' },
    errors: [wrong('email', 'No patient here has this e-mail address.')],
  }),
  sample('reports/timeline', '', 'What happened to the messages of Maria Gomez', robin, {
    ...timeline,
    events: accessLog.events,
  }),
  sample('reports/timeline', 'nothing', 'What happened to the messages of Maria Gomez', alex, {
    ...timeline,
    openers: [],
    chart: { ...timeline.chart, empty: 'Nothing happened in this time.' },
    more: '',
    events: [],
  }),
  sample('reports/erasures', '', 'Erased messages', robin, erasures),
  sample('reports/erasures', 'one was just erased', 'Erased messages', robin, { ...erasures, erased: true }),
  sample('reports/erasures', 'empty, for an auditor', 'Erased messages', alex, {
    ...erasures,
    mayErase: false,
    erasures: [],
    older: '',
  }),
  sample('reports/erase-which', '', 'Erase a message', robin, eraseWhich),
  sample('reports/erase-which', 'no number', 'Erase a message', robin, {
    ...eraseWhich,
    form: { message: 'the last one' },
    errors: [wrong('message', 'Enter the number of a message, as the access log shows it.')],
  }),
  sample('reports/erase', '', 'Erase this message for good?', robin, erase),
  sample('reports/erase', 'with errors', 'Erase this message for good?', robin, {
    ...erase,
    errors: [wrong('reason', 'Enter a reason.'), wrong('word', 'Type the word “erase” if you want to erase it.')],
  }),
  sample('reports/erase', 'held', 'Erase this message for good?', robin, { ...erase, held: true }),
  sample('reports/erase', 'gone', 'Erase this message for good?', robin, {
    ...erase,
    gone: moment('Tuesday 17 November, 15:10', '2026-11-17T20:10:00.000Z'),
  }),
  sample('reports/holds', '', 'Legal holds', robin, holds),
  sample('reports/holds', 'one was just placed', 'Legal holds', robin, { ...holds, placed: true }),
  sample('reports/holds', 'empty, for an auditor', 'Legal holds', alex, {
    ...holds,
    mayPlace: false,
    holds: [],
    past: [],
  }),
  sample('reports/hold-new', '', 'Place a legal hold', robin, holdNew),
  sample('reports/hold-new', 'with errors', 'Place a legal hold', robin, {
    ...holdNew,
    errors: [wrong('what', 'Choose what to keep.'), wrong('reason', 'Enter a reason.')],
  }),
  sample('reports/hold-lift', '', 'Lift this legal hold?', robin, holdLift),
  sample('reports/hold-lift', 'no reason', 'Lift this legal hold?', robin, {
    ...holdLift,
    errors: [wrong('reason', 'Enter a reason.')],
  }),
  ...exportsAndReports(),
  sample('people/invite', '', 'Invite a colleague', robin, invite),
  sample('people/invite', 'with errors, no teams yet', 'Invite a colleague', robin, {
    ...invite,
    teams: invite.teams.slice(0, 1),
    form: { name: 'Sam Reid', email: 'sam.reid@', newTeam: '' },
    errors: [
      wrong('email', 'Enter one e-mail address, like name@example.org.'),
      wrong('role', 'Choose what they will do.'),
      wrong('newTeam', 'Choose a team, or give the name of a new one.'),
    ],
  }),
]

const NOW = moment('Tuesday 17 November, 14:02', '2026-11-17T19:02:00.000Z')
const listedPeople = {
  people,
  inviteHref: '/admin/people/invite',
  importHref: '/admin/people/import',
  invited: false,
  search: { action: '/admin/people', text: '' },
  found: '',
  filters: {
    roles: [{ value: '', label: 'Any role', selected: true }],
    states: [{ value: '', label: 'Any state', selected: true }],
    teams: [{ value: '', label: 'Any team', selected: true }],
  },
  filtered: false,
  clearHref: '/admin/people',
  newer: '',
  older: '/admin/people?after=019a8d3c-0000-7000-8000-00000000000a',
}
const aColleague = {
  backHref: '/admin/people',
  done: '',
  name: 'Dana Ortiz',
  state: 'active',
  stateText: 'Active',
  locked: true,
  facts: [
    { label: 'E-mail address', text: 'dana.ortiz@example.org' },
    { label: 'Role', text: 'Care team' },
    { label: 'Signs in with', text: 'Password and code app, 1 passkey' },
    { label: 'Last sign-in', text: 'Tuesday 17 November, 14:02' },
  ],
  may: ['Reads and writes messages for a team.'],
  moves: [
    { href: '/admin/people/019a8d3c-0000-7000-8000-00000000000a/role', label: 'Change the role' },
    { href: '/admin/people/019a8d3c-0000-7000-8000-00000000000a/close', label: 'Close access for good' },
  ],
  noMoves: '',
  teams: [{ name: 'Diabetes team', href: '/admin/teams/019a8d3c-0000-7000-8000-00000000000b' }],
  conversations: '2 conversations are in their own mailbox and in no team’s.',
  history: [{ at: NOW, what: 'Access was suspended.', by: 'By Robin Hale:', reason: 'A long leave.' }],
}
const change = {
  backHref: '/admin/people/019a8d3c-0000-7000-8000-00000000000a',
  back: 'Back to the person',
  action: '/admin/people/019a8d3c-0000-7000-8000-00000000000a/close',
  heading: 'Close access of Dana Ortiz',
  intro: 'For somebody who leaves. If they may come back, suspend their access instead.',
  effects: ['Every session of theirs ends at once, on every device.', 'They leave: Diabetes team.'],
  choices: null,
  select: null,
  line: null,
  reason: { value: '', limit: 500 },
  tick: { name: 'sure', label: 'Yes, for good', ticked: false },
  button: 'Close access for good',
  blocked: '',
  blockedHref: '',
}
const aTeam = {
  backHref: '/admin/teams',
  done: '',
  name: 'Diabetes team',
  conversations: '12 conversations.',
  nobody: false,
  renameHref: '/admin/teams/019a8d3c-0000-7000-8000-00000000000b/rename',
  addHref: '/admin/teams/019a8d3c-0000-7000-8000-00000000000b/add',
  members: people
    .slice(0, 2)
    .map((each) => ({ ...each, removeHref: '/admin/teams/019a8d3c-0000-7000-8000-00000000000b/remove/x' })),
}
const ended = {
  backHref: '/admin/people',
  done: false,
  ends: [
    {
      id: '1',
      name: 'Dana Ortiz',
      href: '/admin/people/019a8d3c-0000-7000-8000-00000000000a',
      what: 'Access was closed for good.',
      at: NOW,
      by: 'By Robin Hale:',
      reason: 'She has left.',
      late: true,
      state: 'Not told. It was due on Monday 16 November, 14:02.',
      toldAction: '/admin/people/ended/1/told',
    },
    {
      id: '2',
      name: 'Sam Reid',
      href: '',
      what: 'The role was changed from Care team to Auditor.',
      at: NOW,
      by: 'By Robin Hale:',
      reason: 'Another task.',
      late: false,
      state: 'Told on Tuesday 17 November, 15:10 by Robin Hale.',
      toldAction: '',
    },
  ],
  newer: '',
  older: '',
}

const importForm = {
  backHref: '/admin/people',
  action: '/admin/people/import',
  templateHref: '/admin/people/import.csv',
  readAs: '',
  pasted: '',
  columnProblems: [],
  rowProblems: [],
  more: '',
  limit: 1000,
}
const importCheck = {
  backHref: '/admin/people/import',
  peopleHref: '/admin/people?state=invited',
  action: '/admin/people/import/019a8d3c-0000-7000-8000-00000000000c',
  used: false,
  readAs:
    'Read as UTF-8, with semicolons between the columns. If letters look wrong, save it as UTF-8 and bring it again.',
  counts: {
    invite: '2 people will be invited.',
    known: '1 person is known already and is left as they are.',
    unused: 'These columns are not used: Phone.',
  },
  any: true,
  done: '2 people were invited.',
  people: [
    { line: 2, name: 'Kim Novak', email: 'kim.novak@example.org', role: 'Care team', team: 'Foot clinic' },
    { line: 3, name: 'Alex Moreau', email: 'alex.m0reau@example.org', role: 'Auditor', team: '' },
  ],
  more: '',
  known: [{ line: 4, email: 'sam.reid@example.org', state: 'Active' }],
  alike: ['Row 3: alex.m0reau@example.org looks like alex.moreau@example.org.'],
  newTeams: 'Make this new team: Foot clinic',
  button: 'Invite 2 people',
}

const peoplePages: Sample[] = [
  sample('people/import', '', 'Invite many people', robin, importForm),
  sample('people/import', 'wrong columns', 'Invite many people', robin, {
    ...importForm,
    columnProblems: ['There is no column “role”. Add it to the first row.'],
    errors: [wrong('list', 'Put the columns right first. The rows are looked at after that.')],
  }),
  sample('people/import', 'wrong rows', 'Invite many people', robin, {
    ...importForm,
    readAs: importCheck.readAs,
    rowProblems: [
      { line: 2, column: 'email', text: 'Enter one e-mail address, like name@example.org.', given: 'kim.novak@' },
      { line: 14, column: 'role', text: 'Write care team, administrator or auditor.', given: 'boss' },
    ],
    more: 'And 12 more.',
    errors: [wrong('list', '14 rows have to be put right.')],
  }),
  sample('people/import-check', '', 'Check before you invite', robin, importCheck),
  sample('people/import-check', 'not ticked', 'Check before you invite', robin, {
    ...importCheck,
    errors: [
      wrong('teams', 'Tick the box to make the new teams, or bring the list again with the names of teams that exist.'),
      wrong(
        'alike',
        'Tick the box if they really are different people, or bring the list again with the right addresses.',
      ),
    ],
  }),
  sample('people/import-check', 'done', 'Check before you invite', robin, { ...importCheck, used: true }),
  sample('people/import-check', 'nobody to invite', 'Check before you invite', robin, {
    ...importCheck,
    any: false,
    people: [],
    alike: [],
    newTeams: '',
  }),
  sample('people/people', '', 'People', robin, listedPeople),
  sample('people/people', 'somebody was invited', 'People', robin, { ...listedPeople, invited: true }),
  sample('people/people', 'empty', 'People', robin, { ...listedPeople, people: [], older: '' }),
  sample('people/people', 'nobody found', 'People', robin, {
    ...listedPeople,
    people: [],
    older: '',
    filtered: true,
    found: '0 people found.',
  }),
  sample('people/people', 'with errors', 'People', robin, {
    ...listedPeople,
    errors: [wrong('text', 'Enter a part of a name or an e-mail address.')],
  }),
  sample('people/person', '', 'A colleague', robin, aColleague),
  sample('people/person', 'oneself, after a change', 'A colleague', robin, {
    ...aColleague,
    done: 'The role is changed, and every session has ended.',
    locked: false,
    moves: [],
    noMoves: 'This is you. Another administrator changes your access; nobody changes their own.',
    teams: [],
    history: [],
  }),
  sample('people/person', 'closed', 'A colleague', robin, {
    ...aColleague,
    state: 'closed',
    stateText: 'Closed',
    locked: false,
    may: ['Nothing. What they signed in with is forgotten.'],
    moves: [],
    noMoves: 'Nothing can be changed any more.',
  }),
  sample('people/change', '', 'Close access', robin, change),
  sample('people/change', 'with errors', 'Close access', robin, {
    ...change,
    errors: [wrong('reason', 'Enter a reason.'), wrong('sure', 'Tick the box if you are sure.')],
  }),
  sample('people/change', 'blocked', 'Close access', robin, {
    ...change,
    effects: [],
    blocked: 'This is the last administrator who can sign in. Make somebody else an administrator first.',
  }),
  sample('people/change', 'blocked, with conversations', 'Change a role', robin, {
    ...change,
    effects: [],
    blocked: 'They have conversations in their own mailbox. Hand the conversations over first.',
    blockedHref: '/admin/people/x/hand-over',
  }),
  sample('people/change', 'a role', 'Change a role', robin, {
    ...change,
    tick: null,
    choices: {
      name: 'role',
      label: 'Role',
      items: [
        { value: 'provider', label: 'Care team', hint: 'Reads and writes messages for a team.', selected: true },
        { value: 'admin', label: 'Administrator', hint: 'Reads no messages.', selected: false },
      ],
    },
    errors: [wrong('role', 'Choose a role.')],
  }),
  sample('people/change', 'handing over', 'Hand over conversations', robin, {
    ...change,
    tick: null,
    select: {
      name: 'to',
      label: 'Who takes over',
      hint: 'A team, or a colleague of the care team.',
      options: [{ value: '', label: 'Choose', selected: true }],
    },
  }),
  sample('people/change', 'a new team', 'New team', robin, {
    ...change,
    effects: [],
    tick: null,
    reason: null,
    line: { name: 'name', label: 'Name of the team', hint: 'Write it so that patients know who it is.', value: 'Eye' },
    errors: [wrong('name', 'There is a team of this name already. Choose it from the list.')],
  }),
  sample('people/teams', '', 'Teams', robin, {
    backHref: '/admin/people',
    newHref: '/admin/teams/new',
    teams: [{ name: 'Diabetes team', href: '/admin/teams/x', members: 4, conversations: 120 }],
  }),
  sample('people/teams', 'none', 'Teams', robin, { backHref: '/admin/people', newHref: '/admin/teams/new', teams: [] }),
  sample('people/team', '', 'A team', robin, aTeam),
  sample('people/team', 'without members', 'A team', robin, {
    ...aTeam,
    done: 'They no longer belong to the team, and it has begun a new key.',
    nobody: true,
    members: [],
  }),
  sample('people/ended', '', 'Access that ended', robin, ended),
  sample('people/ended', 'for an auditor, nothing yet', 'Access that ended', alex, {
    ...ended,
    backHref: '',
    done: true,
    ends: [],
  }),
]

const help: Sample[] = [
  sample('help/help', '', 'Help', null),
  sample('help/help', 'for staff', 'Help', dana),
  sample('help/privacy', '', 'Privacy', null, { mode: 'managed' }),
  sample('help/privacy', 'sealed', 'Privacy', null, { mode: 'sealed' }),
  sample('help/check-notice', '', 'Is this notice real?', null, { address: 'https://messages.riverside.example' }),
  sample('help/check-notice', 'for a patient', 'Is this notice real?', maria, {
    address: 'https://messages.riverside.example',
  }),
]

const mailText =
  'You have a secure message from Riverside Clinic.\n\nTo read it, open this page and sign in:\n\nhttps://messages.example.org/m/3uY7sample0123456789abcdefghijklmnopqrstuvwxyz\n\nThis mail does not say what the message is about.'

const tryOut: Sample[] = [
  sample('try-out/welcome', '', 'Try Letterlock', null, {
    tryOut: true,
    seconds: 14,
    outboxHref: '/demo/outbox',
    people: [
      {
        name: 'Maria Gomez',
        role: 'Patient',
        email: 'maria@example.org',
        password: 'correct horse battery',
        code: '492 118',
      },
      {
        name: 'Dana Ortiz',
        role: 'Care team',
        email: 'dana.ortiz@example.org',
        password: 'purple lantern river',
        code: '007 342',
      },
      {
        name: 'Robin Hale',
        role: 'Administrator',
        email: 'robin.hale@example.org',
        password: 'window tuesday copper',
        code: '881 905',
      },
    ],
  }),
  sample('try-out/outbox', '', 'Mail that would have gone out', null, {
    tryOut: true,
    jsonHref: '/demo/outbox.json',
    mails: [
      {
        href: '/demo/outbox/1',
        to: 'maria@example.org',
        subject: '[Demo] You have a secure message from Riverside Clinic',
        at: moment('2:02 pm', '2026-11-17T19:02:00.000Z'),
      },
      {
        href: '/demo/outbox/2',
        to: 'dana.ortiz@example.org',
        subject: '[Demo] A reply waits for your team at Riverside Clinic',
        at: moment('1:40 pm', '2026-11-17T18:40:00.000Z'),
      },
    ],
  }),
  sample('try-out/outbox', 'empty', 'Mail that would have gone out', maria, {
    tryOut: true,
    jsonHref: '/demo/outbox.json',
    mails: [],
  }),
  sample('try-out/mail', '', '[Demo] You have a secure message from Riverside Clinic', null, {
    tryOut: true,
    subject: '[Demo] You have a secure message from Riverside Clinic',
    to: 'maria@example.org',
    at: moment('Tuesday 17 November, 2:02 pm', '2026-11-17T19:02:00.000Z'),
    headers: [
      { name: 'from', value: 'Riverside Clinic <messages@example.org>' },
      { name: 'message-id', value: '<0199c1a0-7b1e-7c44-9f0a-5d2e8b6c1f03@messages.example.org>' },
    ],
    text: mailText,
    htmlHref: '/demo/outbox/1/html',
    backHref: '/demo/outbox',
  }),
  sample('messages/inbox', 'in the try-out', 'Messages', maria, {
    tryOut: true,
    filters: inboxFilters('all'),
    showing: 'all',
    allHref: '/messages',
    messages: patientRows,
    newer: '',
    older: '',
  }),
]

const helpRow = (name: string, tone: Tone, text: string) => ({
  href: '/help-sign-in/requests/0199e1',
  name,
  askedAt: moment('Tue 14:02', '2026-11-17T19:02:00.000Z'),
  state: { tone, text },
})

const helpChecks = [
  'I called them back at a number from our records, or they are here with an identity card',
  'I asked for two things that only they would know',
  'I told them what happens now, and they agree',
]

const helpTicks = (ticked: boolean) =>
  ['reached', 'knows', 'told'].map((name, at) => ({
    name,
    label: helpChecks[at]!,
    hint: 'A number that the caller gives proves nothing.',
    ticked,
  }))

const helpRequest = {
  backHref: '/help-sign-in',
  caller: { name: 'Maria Gomez', email: 'maria@example.org' },
  asked: {
    by: 'Dana Ortiz',
    at: moment('Tuesday 17 November, 14:02', '2026-11-17T19:02:00.000Z'),
    reason: 'Her phone fell into the river, and the paper with the codes was with it. I know her voice.',
    mine: false,
  },
  checks: helpChecks,
  approved: null,
  endedAt: null,
  state: { step: 'asked', tone: 'warn', text: 'Waits for a second person' },
  hours: 24,
  newcomer: false,
  can: { approve: true, makeCode: false, stop: true },
  codesLeft: 3,
  approveAction: '/help-sign-in/requests/0199e1/approve',
  codeAction: '/help-sign-in/requests/0199e1/code',
  stopAction: '/help-sign-in/requests/0199e1/stop',
}
const helpApproved = {
  ...helpRequest,
  approved: { by: 'Robin Hale', at: moment('Tuesday 17 November, 14:30', '2026-11-17T19:30:00.000Z') },
  can: { approve: false, makeCode: false, stop: true },
}
const helpStep = (step: string, tone: Tone, text: string) => ({ ...helpApproved, state: { step, tone, text } })
const mayMakeCode = { approve: false, makeCode: true, stop: true }
const nothingToDo = { approve: false, makeCode: false, stop: false }
const endedAt = moment('Wednesday 18 November, 09:12', '2026-11-18T14:12:00.000Z')

const helpSignIn: Sample[] = [
  sample('help-sign-in/help-requests', 'nothing to do', 'Help with sign-in', dana, {
    action: '/help-sign-in',
    form: { email: '' },
    waiting: [],
    waitingText: '0 requests wait for a second person',
    requests: [],
  }),
  sample('help-sign-in/help-requests', 'one waits, two under way', 'Help with sign-in', robin, {
    action: '/help-sign-in',
    form: { email: '' },
    waiting: [helpRow('Maria Gomez', 'warn', 'Waits for a second person')],
    waitingText: '1 request waits for a second person',
    requests: [
      helpRow('otto.oldfield@example.org', 'info', 'A code can be made from Wednesday 18 November, 14:02 on'),
      helpRow('Nora Reed', 'ok', 'Has a new sign-in'),
    ],
  }),
  sample('help-sign-in/help-requests', 'nobody found', 'Help with sign-in', dana, {
    action: '/help-sign-in',
    form: { email: 'maria@exampel.org' },
    waiting: [],
    waitingText: '0 requests wait for a second person',
    requests: [],
    errors: [
      wrong(
        'email',
        'There is nobody with this address whom you could help. Check the spelling. For a colleague, ask an administrator.',
      ),
    ],
  }),
  ...(['', 'open already', 'no sign-in yet', 'for a newcomer'] as const).map((state) =>
    sample('help-sign-in/help-person', state, 'Is this the person who called?', dana, {
      backHref: '/help-sign-in',
      caller: {
        name: state ? '' : 'Maria Gomez',
        email: 'maria@example.org',
        signIn:
          state === 'no sign-in yet' ? 'Has not made a sign-in yet' : 'Last signed in on Monday 2 November, 10:41',
      },
      possible: state !== 'no sign-in yet',
      newcomer: state === 'for a newcomer',
      hours: 24,
      openHref: state === 'open already' ? '/help-sign-in/requests/0199e1' : '',
      askHref: '/help-sign-in/people/0199d1/ask',
    }),
  ),
  sample('help-sign-in/help-ask', '', 'Ask to help', dana, {
    backHref: '/help-sign-in/people/0199d1',
    action: '/help-sign-in/people/0199d1/ask',
    caller: { name: 'Maria Gomez', email: 'maria@example.org' },
    checks: helpTicks(false),
    form: { reason: '' },
    limit: 500,
  }),
  sample('help-sign-in/help-ask', 'box not ticked', 'Ask to help', dana, {
    backHref: '/help-sign-in/people/0199d1',
    action: '/help-sign-in/people/0199d1/ask',
    caller: { name: '', email: 'maria@example.org' },
    checks: helpTicks(true).map((each) => ({ ...each, ticked: each.name !== 'knows' })),
    form: { reason: '' },
    limit: 500,
    errors: [
      wrong('knows', 'Ask for two things that only they would know, then tick the box.'),
      wrong('reason', 'Write what happened and how you know that it is them.'),
    ],
  }),
  sample('help-sign-in/help-request', 'for the second person', 'A request for a new sign-in', robin, helpRequest),
  sample('help-sign-in/help-request', 'for a newcomer', 'A request for a new sign-in', robin, {
    ...helpRequest,
    newcomer: true,
    can: { approve: false, makeCode: false, stop: true },
  }),
  sample('help-sign-in/help-request', 'for whoever asked', 'A request for a new sign-in', dana, {
    ...helpRequest,
    can: { approve: false, makeCode: false, stop: true },
  }),
  sample(
    'help-sign-in/help-request',
    'mail under way',
    'A request for a new sign-in',
    dana,
    helpStep('approved', 'info', 'Agreed, the mail to the person is on its way'),
  ),
  sample(
    'help-sign-in/help-request',
    'mail not taken',
    'A request for a new sign-in',
    dana,
    helpStep('notice-failed', 'bad', 'The mail to the person was not taken'),
  ),
  sample(
    'help-sign-in/help-request',
    'waiting',
    'A request for a new sign-in',
    dana,
    helpStep('waiting', 'info', 'A code can be made from Wednesday 18 November, 14:02 on'),
  ),
  sample('help-sign-in/help-request', 'ready', 'A request for a new sign-in', dana, {
    ...helpStep('ready', 'ok', 'A code can be made now'),
    can: mayMakeCode,
  }),
  sample(
    'help-sign-in/help-request',
    'ready, for others',
    'A request for a new sign-in',
    dana,
    helpStep('ready', 'ok', 'A code can be made now'),
  ),
  sample('help-sign-in/help-request', 'a code was made', 'A request for a new sign-in', robin, {
    ...helpStep('code', 'ok', 'A code was made'),
    can: mayMakeCode,
    codesLeft: 1,
  }),
  sample('help-sign-in/help-request', 'no more codes', 'A request for a new sign-in', robin, {
    ...helpStep('out-of-codes', 'bad', 'No more codes'),
    codesLeft: 0,
  }),
  sample('help-sign-in/help-request', 'used', 'A request for a new sign-in', dana, {
    ...helpStep('used', 'ok', 'Has a new sign-in'),
    endedAt,
    can: nothingToDo,
  }),
  sample('help-sign-in/help-request', 'stopped by the person', 'A request for a new sign-in', dana, {
    ...helpStep('stopped-by-person', 'bad', 'Stopped by the person, or by somebody who reads their mail'),
    again:
      'Call the person at the number from our records, not at one from their mail. If it was them who asked you, and the link was pressed by mistake, begin again. If it was not them, somebody tried to get in as them: leave it stopped and tell the person to change their password.',
    againHref: '/help-sign-in/people/0199e1',
    endedAt,
    can: nothingToDo,
  }),
  sample('help-sign-in/help-code', '', 'Read this code to the person', dana, {
    backHref: '/help-sign-in/requests/0199e1',
    name: 'Maria Gomez',
    code: '4F7K-92QD',
    until: '14:17',
    address: 'messages.example.org',
    codesLeft: 2,
  }),
  sample('help-sign-in/staff-code', '', 'Type the code from our staff', null, {
    action: '/sign-in/staff-code',
    form: { email: '' },
    over: false,
    sealed: false,
  }),
  sample('help-sign-in/staff-code', 'earlier messages stay locked', 'Type the code from our staff', null, {
    action: '/sign-in/staff-code',
    form: { email: '' },
    over: true,
    sealed: true,
  }),
  sample('help-sign-in/staff-code', 'wrong', 'Type the code from our staff', null, {
    action: '/sign-in/staff-code',
    form: { email: 'maria@example.org' },
    over: false,
    sealed: false,
    errors: [
      wrong(
        'code',
        'The address and the code do not fit together, or the code is too old. Check both, or ask us for another code.',
      ),
    ],
  }),
  ...(
    [
      ['open', 'Stop help with your sign-in'],
      ['stopped', 'This was stopped'],
      ['used', 'A new sign-in was made already'],
      ['lapsed', 'This is over'],
    ] as const
  ).map(([state, title]) =>
    sample('help-sign-in/stop-help', state, title, null, {
      action: '/stop-help/3uY7sample',
      state,
      at: state === 'stopped' || state === 'used' ? moment('Wednesday 18 November, 9:12 am', endedAt.iso) : null,
      readyAt: moment('Wednesday 18 November, 2:02 pm', '2026-11-18T19:02:00.000Z'),
    }),
  ),
  ...[false, true].map((stopped) =>
    sample(
      'help-sign-in/help-asked',
      stopped ? 'stopped' : '',
      stopped ? 'We stopped it' : 'Did you ask us for a new sign-in?',
      maria,
      {
        action: '/help-asked',
        stopped,
        nextHref: '/messages',
        askedAt: moment('Tuesday 17 November, 2:02 pm', '2026-11-17T19:02:00.000Z'),
        readyAt: moment('Wednesday 18 November, 2:02 pm', '2026-11-18T19:02:00.000Z'),
      },
    ),
  ),
]

const REFERENCE = '0199c1a0-7b1e-7c44-9f0a-5d2e8b6c1f03'
const ERRORS = {
  'bad-request': 'That did not fit the page',
  'not-allowed': 'This page is not for you',
  'not-found': 'We cannot find that page',
  gone: 'This is no longer here',
  'too-large': 'That is too large to send',
  'form-expired': 'This form was open for too long',
  'slow-down': 'Please wait a little',
  unavailable: 'We have to pause for a moment',
  'no-room': 'We have no room left at the moment',
  broken: 'Something went wrong on our side',
}

const errors: Sample[] = Object.entries(ERRORS).map(([kind, title]) =>
  sample('errors/error', kind, title, kind === 'not-allowed' ? dana : kind === 'gone' ? maria : null, {
    kind,
    reference: REFERENCE,
    until: kind === 'slow-down' ? '3:41 pm' : '',
  }),
)

export interface MailSample {
  name: string
  template: string
  view: object
}

const mailPage = {
  organisation: { name: 'Riverside Clinic', phone: '555-0100', hours: 'Monday to Friday, 8 am to 5 pm' },
  link: 'https://messages.example.org/m/3uY7sample0123456789abcdefghijklmnop',
}

/** Every change that a notice tells of, and the day's last one. */
const SECURITY_CHANGES = [
  'password-changed',
  'password-reset',
  'code-app-replaced',
  'passkey-added',
  'passkey-removed',
  'sign-on-linked',
  'sign-on-removed',
  'recovery-code-used',
  'recovery-codes-made',
  'address-changed',
  'address-restored',
  'new-device',
  'signed-out-everywhere',
  'many-wrong-tries',
  'many-wrong-codes',
  'help-used',
  'earlier-messages-recovered',
  'earlier-messages-shared',
  'several',
]

const settingField = (name: string, label: string, hint: string, value: string) => ({
  name,
  label,
  hint,
  type: 'text',
  narrow: true,
  value,
})
const sectionPage = {
  heading: 'Limits',
  intro: 'How long people stay signed in, and how large files may be.',
  backHref: '/admin/settings',
  backLabel: 'Back to the settings',
  nextLabel: 'Next: what it does',
  action: '/admin/settings/limits',
  seen: 4,
  fields: [
    settingField(
      'idleMinutes',
      'Minutes without a click until somebody is signed out',
      '5 to 60. What they wrote is kept.',
      '15',
    ),
    settingField('sessionHours', 'Hours until somebody has to sign in again', '1 to 24, however busy they are.', '12'),
  ],
  colours: [],
  previews: null,
  meanwhile: null,
}
const idleChange = {
  label: 'Minutes without a click until somebody is signed out',
  before: '15 minutes',
  after: '5 minutes',
}
const openAlarm = {
  id: '0199b',
  href: '/admin/alarms/0199b',
  title: 'Many openings',
  text: '250 openings of messages or files within an hour or less. The limit for them is 200.',
  whom: 'Dana Ortiz, nurse',
  raisedAt: moment('Tuesday 17 November, 14:02', '2026-11-17T19:02:00.000Z'),
  seenAt: moment('Tuesday 17 November, 14:12', '2026-11-17T19:12:00.000Z'),
  takenBy: '',
  isClosed: false,
  closedBy: '',
  closedAt: null,
}
const closedAlarm = {
  ...openAlarm,
  takenBy: 'Ada Moss',
  isClosed: true,
  closedBy: 'Felix Hahn',
  closedAt: moment('Tuesday 17 November, 15:02', '2026-11-17T20:02:00.000Z'),
}
const alarmPage = {
  backHref: '/admin/alarms',
  alarm: openAlarm,
  advice: 'Ask the person what they needed it for.',
  mayClose: true,
  notes: [],
  action: '/admin/alarms/0199b',
  form: { note: '' },
  limit: 1000,
}
const ADMIN = { name: 'Ada Moss', role: 'admin' as const }
const setupSteps = ['Your organisation', 'Your own account', 'Mail', 'Your colour', 'Limits', 'Last checks'].map(
  (title, at) => ({
    number: at + 1,
    title,
    text: 'A test mail has to arrive.',
    href: at === 5 ? '' : '/admin/setup/mail',
    link: 'Open this step',
    done: at < 2,
    hasState: at < 5,
  }),
)

const settingsAndAlarms: Sample[] = [
  sample('organisation/settings', '', 'Settings', ADMIN, {
    sections: [
      {
        name: 'limits',
        title: 'Limits',
        href: '/admin/settings/limits',
        values: [{ label: 'Minutes', value: '15 minutes' }],
      },
    ],
    historyHref: '/admin/settings/history',
    saved: true,
    same: false,
    setUp: false,
  }),
  sample('organisation/section', '', 'Limits', ADMIN, sectionPage),
  sample('organisation/section', 'wrong', 'Limits', ADMIN, {
    ...sectionPage,
    errors: [wrong('idleMinutes', 'Type a whole number from 5 to 60.')],
  }),
  sample('organisation/section', 'changed meanwhile', 'Limits', ADMIN, {
    ...sectionPage,
    meanwhile: { by: 'Kim Novak', changes: [idleChange] },
  }),
  sample('organisation/section', 'of colours', 'Colour', ADMIN, {
    ...sectionPage,
    fields: [settingField('brandLight', 'Colour on light pages', 'Six digits such as #0b5563.', '#ffd700')],
    colours: [
      {
        scheme: 'On light pages',
        colour: '#ffd700',
        on: '#ffffff',
        surface: '#ffffff',
        own: true,
        contrast: '1.21',
        readable: false,
      },
      {
        scheme: 'On dark pages',
        colour: '#5cc3d1',
        on: '#0b1016',
        surface: '#0f151c',
        own: false,
        contrast: '7.20',
        readable: true,
      },
    ],
    errors: [wrong('brandLight', 'This colour is hard to read on light pages.')],
  }),
  sample('organisation/section', 'of notices', 'Words of the notices', ADMIN, {
    ...sectionPage,
    fields: [settingField('noticeSubject', 'Subject', 'At most 60 characters and 9 words.', '')],
    previews: {
      from: 'Riverside Clinic',
      phone: 'You have a secure message from Rivers…',
      phoneFirst: 'You have a secure message from Riverside Cli…',
      desk: 'You have a secure message from Riverside Clinic',
      deskFirst: 'You have a secure message from Riverside Clinic.',
      text: [['You have a secure message from Riverside Clinic.'], ['To read it, open this page and sign in:']],
    },
  }),
  sample('organisation/check', '', 'What this does', ADMIN, {
    backHref: '/admin/settings/limits',
    action: '/admin/settings/limits',
    seen: 4,
    moved: false,
    changes: [idleChange],
    effects: [{ text: '7 people who are signed in would be signed out sooner.', heavy: true }],
    hidden: [{ name: 'idleMinutes', value: '5' }],
  }),
  sample('organisation/history', '', 'What was changed', ADMIN, {
    backHref: '/admin/settings',
    versions: [
      {
        version: 5,
        section: 'Limits',
        at: moment('Tuesday 17 November, 14:02', '2026-11-17T19:02:00.000Z'),
        by: 'Ada Moss',
        undoes: 3,
        changes: [idleChange],
        undoHref: '/admin/settings/history/5/undo',
      },
    ],
    olderHref: '/admin/settings/history?before=5',
  }),
  sample('organisation/history', 'nothing yet', 'What was changed', ADMIN, {
    backHref: '/admin/settings',
    versions: [],
    olderHref: '',
  }),
  sample('organisation/setup', '', 'Set up Letterlock', ADMIN, {
    action: '/admin/setup',
    steps: setupSteps,
    checks: [{ title: 'Clock', text: 'The clocks agree.', tone: 'ok' }],
    errors: [wrong('finish', 'Mail is not confirmed yet.')],
  }),
  sample('organisation/setup-mail', '', 'Does mail arrive?', ADMIN, {
    backHref: '/admin/setup',
    action: '/admin/setup/mail',
    server: 'mail.riverside.example',
    from: 'messages@riverside.example',
    to: 'ada@riverside.example',
    sent: true,
    done: false,
  }),
  sample('organisation/setup-mail', 'refused', 'Does mail arrive?', ADMIN, {
    backHref: '/admin/setup',
    action: '/admin/setup/mail',
    server: 'none',
    from: 'messages@riverside.example',
    to: 'ada@riverside.example',
    sent: false,
    done: false,
    errors: [wrong('send', 'The mail server could not be reached.')],
  }),
  sample('alarms/alarms', '', 'Alarms', ADMIN, { alarms: 1, closed: false, open: [openAlarm], past: [closedAlarm] }),
  sample('alarms/alarms', 'none', 'Alarms', ADMIN, { closed: false, open: [], past: [] }),
  sample('alarms/alarm', '', 'Many openings', ADMIN, { ...alarmPage, alarms: 2 }),
  sample('alarms/alarm', 'about themselves', 'Many openings', ADMIN, {
    ...alarmPage,
    mayClose: false,
    errors: [wrong('note', 'Write what you found or did.')],
  }),
  sample('alarms/alarm', 'closed', 'Many openings', ADMIN, {
    ...alarmPage,
    alarm: closedAlarm,
    notes: [
      {
        what: 'Felix Hahn closed it',
        at: moment('Tuesday 17 November, 15:02', '2026-11-17T20:02:00.000Z'),
        text: 'It was her.',
      },
    ],
  }),
]

/** The notice as Letterlock has it. */
const ourWords = { subject: '', first: '' }

export const mailSamples: MailSample[] = [
  { name: 'notice', template: 'notice', view: { ...mailPage, ...ourWords, reminder: false } },
  { name: 'notice, a reminder', template: 'notice', view: { ...mailPage, ...ourWords, reminder: true } },
  {
    name: 'notice, in own words',
    template: 'notice',
    view: {
      ...mailPage,
      subject: 'A message from Riverside Clinic waits',
      first: 'We have written you a message.',
      reminder: false,
    },
  },
  { name: 'alarm', template: 'alarm', view: { ...mailPage, rule: 'Many openings', at: '2026-11-17 14:02:11' } },
  { name: 'setup-mail', template: 'setup-mail', view: { ...mailPage, code: '481902' } },
  { name: 'team-notice', template: 'team-notice', view: mailPage },
  { name: 'password-reset', template: 'password-reset', view: mailPage },
  {
    name: 'help-asked',
    template: 'help-asked',
    view: { ...mailPage, readyAt: 'Wednesday 18 November, 2:02 pm' },
  },
  {
    name: 'checkpoint',
    template: 'checkpoint',
    view: {
      ...mailPage,
      note: 'messages.riverside.example/access-log/1\n4711\nq83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=\n\n— messages.riverside.example/access-log 3q2+7wAB\n',
      key: 'messages.riverside.example/access-log+deadbeef+AQID',
    },
  },
  { name: 'help-code-made', template: 'help-code-made', view: mailPage },
  { name: 'invitation', template: 'invitation', view: { ...mailPage, name: 'Sam Reid' } },
  ...['address-confirm', 'address-asked', 'address-gone', 'address-taken'].map((template) => ({
    name: template,
    template,
    view: { ...mailPage, until: 'Friday 20 November, 2:02 pm' },
  })),
  ...['suspended', 'reopened', 'closed', 'role-changed', 'handed-over'].map((kind) => ({
    name: `access-notice, ${kind}`,
    template: 'access-notice',
    view: {
      ...mailPage,
      name: 'Sam Reid',
      kind,
      at: 'Tuesday 17 November, 2:02 pm',
      role: kind === 'role-changed' ? 'Auditor' : '',
    },
  })),
  ...SECURITY_CHANGES.map((change) => ({
    name: `security-notice, ${change}`,
    template: 'security-notice',
    view: { ...mailPage, change, at: 'Tuesday 17 November, 2:02 pm' },
  })),
]

export const samples: Sample[] = [
  ...settingsAndAlarms,
  ...signIn,
  ...waysBackIn,
  ...helpSignIn,
  ...thread,
  ...inboxes,
  ...intake,
  ...otherMessages,
  ...consolePages,
  ...peoplePages,
  ...accountPages,
  ...help,
  ...tryOut,
  ...errors,
]
