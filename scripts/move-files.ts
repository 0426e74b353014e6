/** npm run move-files -- --from folder --to s3 (or the other way): moves every sealed file, while the server runs or not. */
import { parseArgs } from 'node:util'
import { openStoresOfFiles } from '../server/attachments/open-file-store.ts'
import { config } from '../server/config.ts'
import { openStores } from '../server/start.ts'
import { moveFiles } from '../server/upkeep/move-files.ts'

const say = (line: string) => process.stdout.write(`${line}\n`)
const stops: (() => Promise<void> | void)[] = []

try {
  const { values } = parseArgs({ options: { from: { type: 'string' }, to: { type: 'string' } } })
  const way = `from ${values.from} to ${values.to}`
  if (way !== 'from folder to s3' && way !== 'from s3 to folder')
    throw new Error('Say from where to where: npm run move-files -- --from folder --to s3, or the other way.')
  if (config().fileStore !== values.to)
    throw new Error(
      `First set FILE_STORE=${values.to} and start the server again, so that new files go there and moved ones are found. Nothing was moved.`,
    )
  const { folder, s3 } = await openStoresOfFiles(config())
  if (!s3) throw new Error('The settings name no bucket: S3_ENDPOINT and the others are missing. Nothing was moved.')
  await openStores(say, stops)
  const stores = values.to === 's3' ? { from: folder, to: s3 } : { from: s3, to: folder }
  const { files, bytes } = await moveFiles({ ...stores, way, say })
  say(files === 0 ? `Nothing is left to move ${way}.` : `Moved ${files} files (${bytes} bytes) ${way}. None is left.`)
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 1
} finally {
  for (const stop of stops.reverse()) await stop()
}
