/**
 * npm run files [megabytes] [rounds]: a large file up as one form and in pieces, and down again, beside a bare server that seals nothing, in
 * alternating rounds. Ends with 1 when a goal of performance is missed.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { makeTemplate, removeTemplate } from '../tests/support/template.ts'
import { fileFlow, type Round } from '../tests/attachments/file-flow.ts'

const [megabytes = 1024, rounds = 5] = process.argv.slice(2).map(Number)
const bytes = megabytes * 1024 * 1024
const SEGMENT = 262144
const A_SECOND = 1000
const load = () => readFileSync('/proc/loadavg', 'utf8').split(' ').slice(0, 3).join(' ')
const before = load()
const cipher = [cipherAlone()]
// On a disk, as the plain file is.
const template = (process.env['TEST_TEMPLATE'] = await makeTemplate(tmpdir()))
const flow = await fileFlow(bytes, rounds, (line) => process.stdout.write(`${line}\n`))

cipher.push(cipherAlone())
removeTemplate(template)

const sorted = (of: (round: Round) => number) => flow.rounds.map(of).toSorted((a, b) => a - b)
const median = (of: (round: Round) => number) => sorted(of)[Math.floor(flow.rounds.length / 2)]!
const told = (of: (round: Round) => number, digits: number) =>
  `${median(of).toFixed(digits)} (${sorted(of)[0]!.toFixed(digits)} to ${sorted(of).at(-1)!.toFixed(digits)})`
const speed = (of: (round: Round) => number) => told((round) => bytes / 1e6 / of(round), 0).padEnd(24)
const raw = { up: (round: Round) => round.rawUp, down: (round: Round) => round.rawDown }
const ratio = (one: (round: Round) => number, other: (round: Round) => number) => (round: Round) =>
  other(round) / one(round)
const formUp = ratio((round) => round.formUp, raw.up)
const piecesUp = ratio((round) => round.piecesUp, raw.up)
const down = ratio((round) => round.down, raw.down)
const most = Math.max(...Object.values(flow.growth))
const goals: [string, boolean][] = [
  ['up as one form: at least 0.8 of a plain body to disk', median(formUp) >= 0.8],
  ['down: at least 0.5 of a plain stream', median(down) >= 0.5],
  ['memory of the server grows by 64 MB at most', most <= 64],
]

process.stdout.write(`
load of the machine:        before ${before}, after ${load()}
${megabytes} MB, ${rounds} rounds, MB/s and ratio: median (least to greatest)
AES-256-GCM alone:          ${cipher.map(({ seals, opens }) => `seals ${seals.toFixed(0)}, opens ${opens.toFixed(0)}`).join('; afterwards ')} (OpenSSL, one core)
plain body to disk:         ${speed(raw.up)}
up as one form, sealed:     ${speed((round) => round.formUp)} ratio ${told(formUp, 2)}
up in pieces, sealed:       ${speed((round) => round.piecesUp)} ratio ${told(piecesUp, 2)}
plain file streamed:        ${speed(raw.down)}
down, unsealed:             ${speed((round) => round.down)} ratio ${told(down, 2)}
memory over idle (${flow.idle.toFixed()} MB): one form ${flow.growth.formUp.toFixed()} MB, pieces ${flow.growth.piecesUp.toFixed()} MB, down ${flow.growth.down.toFixed()} MB

${goals.map(([goal, reached]) => `${reached ? 'reached' : 'MISSED '}  ${goal}`).join('\n')}
`)
/** MB/s of OpenSSL by itself, in segments of a file's length, in memory and on one core: what no sealed file can go beyond. */
function cipherAlone(): { seals: number; opens: number } {
  const segment = randomBytes(SEGMENT)
  const key = randomBytes(32)
  const sealed = seal(segment)
  return { seals: speedOf(() => seal(segment)), opens: speedOf(() => open(sealed)) }

  function seal(clear: Buffer) {
    const nonce = randomBytes(12)
    const cipher = createCipheriv('aes-256-gcm', key, nonce)
    const body = cipher.update(clear)
    cipher.final()
    return { nonce, body, tag: cipher.getAuthTag() }
  }
  function open({ nonce, body, tag }: ReturnType<typeof seal>) {
    const decipher = createDecipheriv('aes-256-gcm', key, nonce)
    decipher.setAuthTag(tag)
    decipher.update(body)
    decipher.final()
  }
  function speedOf(work: () => unknown): number {
    const begun = performance.now()
    let count = 0
    for (; performance.now() - begun < A_SECOND; count++) work()
    return (count * SEGMENT) / 1e6 / ((performance.now() - begun) / 1000)
  }
}

process.exitCode = goals.every(([, reached]) => reached) ? 0 : 1
