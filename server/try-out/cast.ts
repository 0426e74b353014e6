/**
 * The try-out's cast: a fictitious clinic, made through the same use cases as everything else. Names and addresses are invented (the domains
 * end in `.example`, RFC 2606). Passwords are drawn for each try-out and rest in DATA_DIR/demo.json, for its owner only.
 */
import { randomInt } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findAccount, findAccountByEmail, type Role } from '../accounts/account.store.ts'
import { inviteColleague, invitePatient } from '../accounts/invite-account.ts'
import { foundTeam, joinTeam } from '../accounts/join-team.ts'
import { openMailboxByRecovery } from '../accounts/mailbox-key.ts'
import { findMailboxOf } from '../accounts/mailbox.store.ts'
import { listMembers, listTeams } from '../accounts/team.store.ts'
import { system } from '../audit/actor.ts'
import { config } from '../config.ts'
import { ask, inTransaction } from '../database/connection.ts'
import { findCredential } from '../sign-in/credential.store.ts'
import { beginEnrolment, finishEnrolment, secondFactorOf } from '../enrolment/enrol.ts'
import { currentCode } from '../sign-in/one-time-code.ts'
import { makeReader, type Reader } from '../sign-in/reader.ts'
import { sendFirstMessages } from './first-messages.ts'

export interface CastMember {
  role: Role
  name: string
  email: string
  password: string
  totpSecret: string
}

const PEOPLE = [
  { role: 'provider', name: 'Dana Ortiz, nurse', email: 'dana.ortiz@riverside.example' },
  { role: 'provider', name: 'Sam Reid, physician', email: 'sam.reid@riverside.example' },
  { role: 'patient', name: 'Maria Gomez', email: 'maria.gomez@mail.example' },
  { role: 'admin', name: 'Ada Moss, administrator', email: 'ada.moss@riverside.example' },
  { role: 'auditor', name: 'Felix Hahn, auditor', email: 'felix.hahn@riverside.example' },
] as const

const TEAM = 'Diabetes team'

// Hours before the start, in the order of real life and before the first message, so that the log reads like one.
const MADE = 53
const ENROLLED = 52
const GATHERED = 51
const ago = (hours: number) => new Date(Date.now() - hours * 60 * 60 * 1000)

/** Makes whatever of the cast is missing and writes demo.json. Killed anywhere, the next start goes on. */
export async function prepareCast(): Promise<CastMember[]> {
  const passwords = keptPasswords()
  const people = PEOPLE.map((person) => ({
    ...person,
    password: passwords.get(person.email) ?? threeWords(),
    totpSecret: '',
  }))
  writeCast(people) // before anybody is made with these passwords
  for (const person of people) person.totpSecret = await meet(person)
  await gatherTeam()
  if (await firstTime()) {
    const [dana, sam, maria] = await Promise.all(people.slice(0, 3).map((person) => readerFor(person.email)))
    await sendFirstMessages(dana!, sam!, maria!)
    // Only now: a start that was killed before sends them again rather than never.
    await ask(`INSERT INTO installation (name, value) VALUES ('first-messages', 'sent') ON CONFLICT DO NOTHING`)
  }
  writeCast(people)
  return people
}

/** Prints whom to sign in as, once somebody answers there. */
export function sayWhereToGo(people: CastMember[], say: (line: string) => void) {
  const { baseUrl } = config()
  say('\nThis is a try-out with a fictitious clinic. No mail leaves this machine.\n')
  for (const person of people) say(`  ${person.role.padEnd(9)} ${person.email.padEnd(30)} ${person.password}`)
  say(`\n  Codes to sign in with:  ${baseUrl}/demo\n  Captured mails:         ${baseUrl}/demo/outbox`)
}

export function castFile() {
  return join(config().dataDir, 'demo.json')
}

export function readCast(): CastMember[] {
  return (JSON.parse(readFileSync(castFile(), 'utf8')) as { people: CastMember[] }).people
}

function keptPasswords(): Map<string, string> {
  try {
    return new Map(readCast().map(({ email, password }) => [email, password]))
  } catch {
    return new Map()
  }
}

function writeCast(people: CastMember[]) {
  const { baseUrl } = config()
  const note = 'A fictitious cast for trying Letterlock out. Nobody here exists.'
  writeFileSync(
    castFile(),
    `${JSON.stringify({ note, baseUrl, outboxUrl: `${baseUrl}/demo/outbox`, people }, null, 2)}\n`,
    { mode: 0o600 },
  )
}

const WORDS =
  'amber apple basket birch bridge button candle canyon cherry copper cotton dragon ember falcon feather forest garden ginger hammer harbor island jacket kettle ladder lantern lemon marble meadow mirror needle olive orange paper pebble pepper pillow planet pocket rabbit ribbon river saddle silver summer thimble timber tulip violet walnut willow window winter'.split(
    ' ',
  )

function threeWords() {
  return Array.from({ length: 3 }, () => WORDS[randomInt(WORDS.length)]).join('-') + `-${randomInt(10, 99)}`
}

/** Makes the person's account and sign-in, as far as they are missing. @returns the secret of their codes */
async function meet(person: (typeof PEOPLE)[number] & { password: string }): Promise<string> {
  let account = await findAccountByEmail(person.email)
  if (!account) {
    const now = ago(MADE)
    account = await inTransaction(async (transaction) =>
      person.role === 'patient'
        ? (await invitePatient(system, person.email, now, transaction, person.name)).account
        : await inviteColleague(system, person, now, transaction),
    )
  }
  if (account.state === 'invited') {
    // Long ago, so that the code of this moment is still unused.
    const then = ago(ENROLLED)
    const enrolment = { id: await beginEnrolment(system, account, person.password, then), accountId: account.id }
    const { secret } = await secondFactorOf(enrolment, then)
    await finishEnrolment(system, enrolment, currentCode(secret, then).code, then)
  }
  const credential = await findCredential(account.id)
  if (!credential?.totpSecret)
    throw new Error(`The try-out cannot go on with ${person.email}. Delete ${config().dataDir} and start again.`)
  return credential.totpSecret
}

async function gatherTeam() {
  const now = ago(GATHERED)
  const team =
    (await listTeams()).find(({ name }) => name === TEAM) ??
    (await inTransaction((transaction) => foundTeam(system, TEAM, now, transaction)))
  const members = await listMembers(team.id)
  for (const { email } of PEOPLE.filter(({ role }) => role === 'provider')) {
    const account = await findAccountByEmail(email)
    if (account && !members.includes(account.id))
      await inTransaction((transaction) => joinTeam(system, team.id, account.id, now, transaction))
  }
}

async function firstTime(): Promise<boolean> {
  const rows = await ask(`SELECT name FROM installation WHERE name = 'first-messages'`)
  return rows.length === 0
}

/** A member of the cast as a reader, opened by the recovery key: the try-out only, and only to write its first messages. */
async function readerFor(email: string): Promise<Reader> {
  const account = await findAccountByEmail(email)
  const mailbox = account && (await findMailboxOf({ accountId: account.id }))
  if (!mailbox || !(await findAccount(account.id))) throw new Error('The cast is not whole')
  const { privateKey } = await openMailboxByRecovery(mailbox)
  return (await makeReader({ ...system, strength: 'internal' }, account.id, () => privateKey))!
}
