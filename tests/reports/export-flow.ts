/** An export of many events as it is in use: a job of a running server prepares it, and it is read back. What it costs in memory is that of this process. */
import { createHash } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { readerOf } from '../support/letters.ts'
import type { TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

export interface ExportFlow {
  rows: number
  bytes: number
  seconds: number
  /** How many megabytes more than before the process held at most: what it still holds when what nobody needs was collected. */
  held: number
  /** The same with what was not collected yet, as the system sees it. */
  growth: number
  /** Whether the clear bytes that come back have the hash that is listed. */
  isWhole: boolean
}

export async function exportFlow(
  server: TestServer,
  format: 'csv' | 'ndjson' = 'csv',
  patience = 60_000,
): Promise<ExportFlow> {
  const { askForExport } = await import('../../server/reports/ask-for-export.ts')
  const { findExport } = await import('../../server/reports/export.store.ts')
  const { bindingOf } = await import('../../server/reports/export.ts')
  const { readSealed } = await import('../../server/attachments/sealed-files.ts')
  const reader = await readerOf(server.cast.felix.email)
  const before = { held: heldNow(), rss: process.memoryUsage().rss }
  const most = { ...before }
  const look = () => (most.rss = Math.max(most.rss, process.memoryUsage().rss))
  const weigh = () => (most.held = Math.max(most.held, heldNow()))
  const watches = [setInterval(look, 20), setInterval(weigh, 500)]
  const began = performance.now()
  try {
    const id = (await askForExport(reader, { kind: 'events', format, filter: {} }))!
    const done = async () => {
      const asked = (await findExport(id))!
      return asked.state === 'preparing' ? undefined : asked
    }
    for (const end = Date.now() + patience - 60_000; Date.now() < end && !(await done());)
      await new Promise((next) => setTimeout(next, 200))
    const asked = await until(done, 'the export')
    if (!asked.file) throw new Error(`the export ended as ${asked.state}`)
    const seconds = (performance.now() - began) / 1000
    const hash = createHash('sha256')
    let bytes = 0
    for await (const chunk of (await readSealed(
      asked.file.id,
      bindingOf(id, asked.file.id),
      asked.file.key,
    )) as AsyncIterable<Buffer>) {
      hash.update(chunk)
      bytes += chunk.length
    }
    const isWhole = bytes === asked.file.bytes && hash.digest().equals(asked.file.sha256)
    return {
      rows: asked.rowCount,
      bytes,
      seconds,
      held: most.held - before.held,
      growth: inMegabytes(most.rss - before.rss),
      isWhole,
    }
  } finally {
    watches.forEach(clearInterval)
  }
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

function heldNow(): number {
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return inMegabytes(heapUsed + external)
}

function inMegabytes(bytes: number): number {
  return Math.round(bytes / 2 ** 20)
}
