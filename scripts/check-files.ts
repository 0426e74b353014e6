/** npm run check-files: whether every sealed file is where it should be, in its full length. Ends with 1 when one is not. */
import { openStores } from '../server/start.ts'
import { checkFiles } from '../server/upkeep/check-files.ts'

const say = (line: string) => process.stdout.write(`${line}\n`)
const stops: (() => Promise<void> | void)[] = []

try {
  await openStores(say, stops)
  const { checked, faults } = await checkFiles()
  for (const { attachmentId, messageId, of, reason } of faults)
    say(
      `${of === 'preview' ? 'The preview of file' : 'File'} ${attachmentId}, ${messageId ? `message ${messageId}` : 'not sent yet'}: ${reason === 'file-gone' ? 'not there' : 'another length than it was sealed with'}`,
    )
  if (faults.length > 0)
    throw new Error(`Checked ${checked} files: ${faults.length} are missing or changed. The access log names them too.`)
  say(`Checked ${checked} files: all are there, in their full length.`)
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 1
} finally {
  for (const stop of stops.reverse()) await stop()
}
