/** Stands before the real `stretch-password-process`: asks it only for what is not remembered yet, and keeps what it says. */
import { createHash, randomUUID } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Stretch, Stretched } from '../../server/sign-in/stretch-password.ts'

const [program, memory] = process.argv.slice(2) as [string, string]
const listen = process.on.bind(process) as (event: string, listener: (...args: never[]) => void) => NodeJS.Process
const answer = process.send!.bind(process) as (message: Stretched) => boolean
let asked = ''

process.on = ((event: string, listener: (...args: never[]) => void) =>
  listen(event, event === 'message' ? remembering(listener as never) : listener)) as typeof process.on
process.send = ((message: Stretched) => {
  const unfinished = join(memory, randomUUID())
  writeFileSync(unfinished, message.bytes)
  renameSync(unfinished, asked)
  return answer(message)
}) as typeof process.send
await import(pathToFileURL(program).href)

/** One is asked at a time, and answered before the next. */
function remembering(stretch: (wish: Stretch) => void) {
  return (wish: Stretch) => {
    asked = join(memory, digest(wish))
    if (existsSync(asked)) answer({ bytes: readFileSync(asked) })
    else stretch(wish)
  }
}

function digest({ password, salt, ...parameters }: Stretch): string {
  const parts = [Buffer.from(password).toString('hex'), Buffer.from(salt).toString('hex'), JSON.stringify(parameters)]
  return createHash('sha256').update(parts.join(' ')).digest('hex')
}
