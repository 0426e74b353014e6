/** The passphrase of an export: the first line of a file, or typed twice at the terminal, unseen. */
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { SHORTEST_PASSPHRASE } from '../server/vault/passphrase-key.ts'

/** @throws Error with a sentence when it is too short, was typed differently, or there is nobody to ask */
export async function askNewPassphrase(file: string | undefined): Promise<string> {
  const passphrase = file === undefined ? await typedTwice() : (readFileSync(file, 'utf8').split(/\r?\n/)[0] ?? '')
  if ([...passphrase].length < SHORTEST_PASSPHRASE)
    throw new Error(`A passphrase has ${SHORTEST_PASSPHRASE} characters or more: six random words do well.`)
  return passphrase
}

async function typedTwice(): Promise<string> {
  if (!process.stdin.isTTY)
    throw new Error(
      'There is no terminal to ask for a passphrase: put it into a file and name it with --passphrase-file.',
    )
  const unseen = new Writable({ write: (_chunk, _encoding, done) => done() })
  const terminal = createInterface({ input: process.stdin, output: unseen, terminal: true })
  try {
    const ask = async (question: string) => {
      process.stderr.write(question)
      const answer = await terminal.question('')
      process.stderr.write('\n')
      return answer
    }
    const first = await ask('A passphrase for the export: ')
    if ((await ask('The same once more: ')) !== first) throw new Error('The two differ. Nothing was exported.')
    return first
  } finally {
    terminal.close()
  }
}
