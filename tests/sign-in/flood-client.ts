/**
 * The program that floods: sends so many sign-ins a second whether or not the earlier ones were answered, each from another network address, and
 * tells its parent how they were answered.
 */
import { Agent, request } from 'node:http'

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

process.on('message', (order: FloodOrder) => {
  void flood(order).then((answers) => process.send!(answers, () => process.exit()))
})

async function flood({ port, perSecond, seconds, token, cookie, emails }: FloodOrder): Promise<FloodAnswers> {
  const agent = new Agent({ keepAlive: true, maxSockets: 400 })
  const answers: FloodAnswers = { sent: 0, byStatus: {}, lost: 0 }
  const count = (status: string) => (answers.byStatus[status] = (answers.byStatus[status] ?? 0) + 1)
  const asks: Promise<void>[] = []
  const ask = (number: number) =>
    new Promise<void>((done) => {
      const email = number % 2 ? emails[number % emails.length]! : `nobody.${number}@mail.example`
      const body = new URLSearchParams({ _csrf: token, email, password: `guess ${number}` }).toString()
      const lost = () => {
        answers.lost++
        done()
      }
      const outgoing = request(
        {
          agent,
          host: '127.0.0.1',
          port,
          path: '/sign-in',
          method: 'POST',
          headers: {
            host: `localhost:${port}`,
            cookie,
            'content-type': 'application/x-www-form-urlencoded',
            'content-length': Buffer.byteLength(body),
            'x-forwarded-for': `100.${64 + ((number >> 16) & 63)}.${(number >> 8) & 255}.${number & 255}`,
          },
        },
        (incoming) => {
          incoming.resume()
          incoming.on('error', lost)
          incoming.on('end', () => {
            count(String(incoming.statusCode))
            done()
          })
        },
      )
      outgoing.on('error', lost)
      outgoing.end(body)
    })
  const start = performance.now()
  while (performance.now() - start < seconds * 1000) {
    const due = Math.floor(((performance.now() - start) / 1000) * perSecond)
    while (answers.sent < due) asks.push(ask(answers.sent++))
    await new Promise((done) => setTimeout(done, STEP))
  }
  await Promise.all(asks)
  return answers
}
