/**
 * Signs the access log as it is and takes the checkpoint off this machine: to a folder elsewhere and to a webhook each time, once a day by mail to whoever keeps watch. One that
 * lies in the database alone proves nothing against those who administer it.
 */
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { system } from '../audit/actor.ts'
import {
  findLastCheckpoint,
  findLastPublication,
  insertPublication,
  type Checkpoint,
  type Publication,
} from '../audit/log-proof.store.ts'
import { record } from '../audit/record.ts'
import { logVerifier } from '../audit/sign-checkpoint.ts'
import { signOrTell } from '../audit/sign-or-tell.ts'
import { config } from '../config.ts'
import { postWebhook } from '../web/post-webhook.ts'
import { mailOrRecord } from './mail-or-record.ts'
import { noticeView } from './notice.view.ts'

const ALMOST_A_DAY = 23.5 * 60 * 60 * 1000

export async function publishCheckpoint(now = new Date()): Promise<void> {
  await signOrTell(now)
  const checkpoint = await findLastCheckpoint()
  if (!checkpoint) return
  // A way that fails does not keep the others from being gone.
  const ways = await Promise.allSettled([
    toFolder(checkpoint, now),
    toWebhook(checkpoint, now),
    toMail(checkpoint, now),
  ])
  for (const way of ways) if (way.status === 'rejected') throw way.reason
}

/** It is not an access event: one every ten minutes would be all that the log holds, and a reason for the next. */
async function toFolder(checkpoint: Checkpoint, now: Date): Promise<void> {
  const { checkpointFolder } = config()
  if (!checkpointFolder || isOf(await findLastPublication('folder'), checkpoint)) return
  const month = join(checkpointFolder, now.toISOString().slice(0, 7))
  await mkdir(month).catch(unless('EEXIST'))
  const name = `${checkpoint.epoch}-${String(checkpoint.size).padStart(12, '0')}.checkpoint`
  await writeOnce(join(month, name), checkpoint.note)
  await writeOnce(join(checkpointFolder, 'access-log.vkey'), `${await logVerifier()}\n`)
  await insertPublication({ way: 'folder', ...placeOf(checkpoint), publishedAt: now })
}

/** Thin: a checkpoint names nobody. What is not taken is posted again the next time, or a newer one is. */
async function toWebhook(checkpoint: Checkpoint, now: Date): Promise<void> {
  const { watchWebhook } = config()
  if (!watchWebhook || isOf(await findLastPublication('webhook'), checkpoint)) return
  const { epoch, size, note } = checkpoint
  const data = { checkpoint: note, key: await logVerifier() }
  const body = JSON.stringify({ type: 'log.checkpoint', timestamp: now.toISOString(), data })
  await postWebhook(watchWebhook, { id: `checkpoint_${epoch}_${size}`, body }, now)
  await insertPublication({ way: 'webhook', ...placeOf(checkpoint), publishedAt: now })
}

async function toMail(checkpoint: Checkpoint, now: Date): Promise<void> {
  const to = config().privacyEmail
  const last = await findLastPublication('mail')
  const lately = last && now.getTime() - last.publishedAt.getTime() < ALMOST_A_DAY
  if (!to || lately || isOf(last, checkpoint)) return
  await mailOrRecord(
    async (transaction) => {
      await insertPublication({ way: 'mail', ...placeOf(checkpoint), publishedAt: now }, transaction)
      await record(system, { act: 'log.checkpoint-sent' }, transaction, now)
      const view = { ...noticeView('/admin/access-events'), note: checkpoint.note, key: await logVerifier() }
      return { to, template: 'checkpoint', view }
    },
    (reason, transaction) =>
      record(system, { act: 'log.checkpoint-sent', outcome: 'failed', reason }, transaction, now),
    now,
  )
}

function isOf(publication: Publication | undefined, { epoch, size }: Checkpoint): boolean {
  return publication?.epoch === epoch && publication.size === size
}

function placeOf({ epoch, size }: Checkpoint) {
  return { epoch, size }
}

/** There whole or not at all; what is there already stays, because the folder may be one that nothing is written over in. */
async function writeOnce(path: string, text: string): Promise<void> {
  const there = await open(path, 'r').catch(unless('ENOENT'))
  if (there) return there.close()
  const file = await open(`${path}.part`, 'w', 0o644)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.part`, path).catch(async (error: unknown) => {
    await rm(`${path}.part`, { force: true })
    throw error
  })
}

function unless(code: string) {
  return (error: NodeJS.ErrnoException): undefined => {
    if (error.code !== code) throw error
  }
}
