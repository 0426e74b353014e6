/** The try-out's people as tests know them, with the codes of their authenticator apps. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { currentCode } from '../../server/sign-in/one-time-code.ts'

export interface Person {
  role: string
  name: string
  email: string
  password: string
  totpSecret: string
}

export interface Cast {
  dana: Person
  sam: Person
  maria: Person
  ada: Person
  felix: Person
}

export function castIn(dataDir: string): Cast {
  const { people } = JSON.parse(readFileSync(join(dataDir, 'demo.json'), 'utf8')) as { people: Person[] }
  const [dana, sam, maria, ada, felix] = people as [Person, Person, Person, Person, Person]
  return { dana, sam, maria, ada, felix }
}

export function codeOf(person: Pick<Person, 'totpSecret'>, at = new Date()): string {
  return currentCode(person.totpSecret, at).code
}
