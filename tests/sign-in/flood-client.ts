/**
 * The program that floods: sends so many sign-ins a second whether or not the earlier ones were answered, each from another network address, and
 * tells its parent how they were answered. It shares the cores with the server that it floods, so it speaks bare sockets at low priority.
 */
import { connect, type Socket } from 'node:net'
import { setPriority } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'

export interface FloodOrder {
  port: number
  perSecond: number
  seconds: number
  /** The form's token and its secret's cookie. */
  token: string
  cookie: string
  /** Some guess at these people, some at nobody. */
  emails: string[]
}

export interface FloodAnswers {
  sent: number
  byStatus: Record<string, number>
  /** Connections that ended without an answer. */
  lost: number
}

const STEP = 20
const MOST_CONNECTIONS = 400
/** The server closes a connection on which nothing came for five seconds. */
const STILL_OPEN = 3_000
const LOW = 10

process.on('message', (order: FloodOrder) => {
  setPriority(LOW)
  void flood(order).then((answers) => process.send!(answers, () => process.exit()))
})

interface Connection {
  socket: Socket
  usedAt: number
  received: Buffer
  busy: boolean
}

async function flood({ port, perSecond, seconds, ...who }: FloodOrder): Promise<FloodAnswers> {
  const answers: FloodAnswers = { sent: 0, byStatus: {}, lost: 0 }
  const idle: Connection[] = []
  const unsent: string[] = []
  let open = 0
  let waitedFor = 0

  function ask(text: string) {
    const connection = idle.pop()
    if (connection && performance.now() - connection.usedAt > STILL_OPEN) {
      connection.socket.destroy()
      return ask(text)
    }
    if (!connection && open >= MOST_CONNECTIONS) return unsent.push(text)
    const { socket } = Object.assign(connection ?? begin(), { busy: true, received: Buffer.alloc(0) })
    socket.write(text)
  }

  function begin(): Connection {
    open++
    const socket = connect(port, '127.0.0.1').setNoDelay()
    const connection: Connection = { socket, usedAt: 0, received: Buffer.alloc(0), busy: false }
    socket.on('data', (chunk: Buffer) => {
      connection.received = connection.received.length > 0 ? Buffer.concat([connection.received, chunk]) : chunk
      const status = statusOfWhole(connection.received)
      if (!status) return
      answers.byStatus[status] = (answers.byStatus[status] ?? 0) + 1
      waitedFor--
      connection.busy = false
      connection.usedAt = performance.now()
      idle.push(connection)
      const next = unsent.shift()
      if (next) ask(next)
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      open--
      const place = idle.indexOf(connection)
      if (place >= 0) idle.splice(place, 1)
      if (!connection.busy) return
      waitedFor--
      answers.lost++
    })
    return connection
  }

  const start = performance.now()
  while (performance.now() - start < seconds * 1000) {
    const due = Math.floor(((performance.now() - start) / 1000) * perSecond)
    for (; answers.sent < due; answers.sent++, waitedFor++) ask(signIn(answers.sent, port, who))
    await pause(STEP)
  }
  while (waitedFor > 0) await pause(STEP)
  return answers
}

function signIn(
  number: number,
  port: number,
  { token, cookie, emails }: Pick<FloodOrder, 'token' | 'cookie' | 'emails'>,
) {
  const email = number % 2 ? emails[number % emails.length]! : `nobody.${number}@mail.example`
  const body = `_csrf=${encodeURIComponent(token)}&email=${encodeURIComponent(email)}&password=guess+${number}`
  return `POST /sign-in HTTP/1.1\r
Host: localhost:${port}\r
Cookie: ${cookie}\r
Content-Type: application/x-www-form-urlencoded\r
Content-Length: ${body.length}\r
X-Forwarded-For: 100.${64 + ((number >> 16) & 63)}.${(number >> 8) & 255}.${number & 255}\r
\r
${body}`
}

/** The status of an answer that has arrived with all of its body. */
function statusOfWhole(received: Buffer): string | undefined {
  const end = received.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const head = received.toString('latin1', 0, end)
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1]
  if (!length) throw new Error('an answer without its length')
  return received.length >= end + 4 + Number(length) ? head.slice(9, 12) : undefined
}
