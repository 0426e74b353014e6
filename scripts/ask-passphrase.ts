/** The passphrase of what leaves the house: the first line of a file, or typed twice at the terminal, unseen. */
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { refuseEasyPassphrase } from '../server/upkeep/easy-passphrase.ts'

/** @throws Error with a sentence when it is easy to guess, was typed differently, or there is nobody to ask */
export async function askNewPassphrase(what: string, file: string | undefined): Promise<string> {
  const passphrase = file === undefined ? await typedTwice(what) : firstLineOf(file)
  refuseEasyPassphrase(passphrase)
  return passphrase
}

/** Of what was made before. @throws Error when there is nobody to ask */
export async function askPassphrase(what: string, file: string | undefined): Promise<string> {
  if (file !== undefined) return firstLineOf(file)
  const [typed] = await typeUnseen([`The passphrase of ${what}: `])
  return typed!
}

function firstLineOf(file: string): string {
  return readFileSync(file, 'utf8').split(/\r?\n/)[0]!
}

async function typedTwice(what: string): Promise<string> {
  const [first, second] = await typeUnseen([`A passphrase for ${what}: `, 'The same once more: '])
  if (first !== second) throw new Error('The two differ. Nothing was exported.')
  return first!
}

async function typeUnseen(questions: string[]): Promise<string[]> {
  if (!process.stdin.isTTY)
    throw new Error(
      'There is no terminal to ask for a passphrase: put it into a file and name it with --passphrase-file.',
    )
  const unseen = new Writable({ write: (_chunk, _encoding, done) => done() })
  const terminal = createInterface({ input: process.stdin, output: unseen, terminal: true })
  try {
    const answers: string[] = []
    for (const question of questions) {
      process.stderr.write(question)
      answers.push(await terminal.question(''))
      process.stderr.write('\n')
    }
    return answers
  } finally {
    terminal.close()
  }
}
