/** What a server can do that seals nothing and knows nobody: the body to a file, and a file as the answer. A process of its own. */
import { createReadStream, createWriteStream } from 'node:fs'
import { createServer } from 'node:http'
import { pipeline } from 'node:stream/promises'

const [path] = process.argv.slice(2) as [string]

const server = createServer((request, response) => {
  const work =
    request.method === 'POST'
      ? pipeline(request, createWriteStream(path, { flush: true, highWaterMark: 1048576 })).then(() => response.end())
      : pipeline(createReadStream(path, { highWaterMark: 1048576 }), response)
  work.catch(() => response.destroy())
})
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as { port: number }).port))
process.on('disconnect', () => process.exit())
