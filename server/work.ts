/** Every job, its function and its timetable. A job without a function does not compile. */
import { lookForAlarms } from './alarms/look-for-alarms.job.ts'
import { sendAlarmMail } from './alarms/send-alarm-mail.job.ts'
import { sendAlarmWebhook } from './alarms/send-alarm-webhook.job.ts'
import { checkFile } from './attachments/check-file.job.ts'
import { checkHeldFiles } from './attachments/check-held-files.job.ts'
import { sweepUploads } from './attachments/sweep-uploads.job.ts'
import { makeRoomForAccessEvents } from './audit/access-event.store.ts'
import { checkLog } from './audit/check-log.ts'
import { unlessClockIsWrong } from './audit/clock.ts'
import { markEachMinute } from './audit/mark-ledger.job.ts'
import { tellRepeats } from './audit/tell-repeats.job.ts'
import { freeStuckJobs } from './jobs/free-stuck-jobs.ts'
import type { Jobs } from './jobs/names.ts'
import { closeSharedMessages } from './messages/close-shared-messages.job.ts'
import { finishErasures } from './messages/erase-again.ts'
import { publishCheckpoint } from './notices/publish-checkpoint.job.ts'
import { sendAddressMail } from './notices/send-address-mail.job.ts'
import { sendFileNotice } from './notices/send-file-notice.job.ts'
import { sendHelpNotice } from './notices/send-help-notice.job.ts'
import { sendInvitation } from './notices/send-invitation.job.ts'
import { sendNotice } from './notices/send-notice.job.ts'
import { sendPasswordReset } from './notices/send-password-reset.job.ts'
import { sendSecurityNotice } from './notices/send-security-notice.job.ts'
import { finishAddressChanges } from './own-account/finish-address-changes.job.ts'
import { sweepSignIns } from './own-account/sweep-sign-ins.job.ts'
import { prepareExport } from './reports/prepare-export.job.ts'
import { sweepExports } from './reports/sweep-exports.job.ts'
import { sendAccessNotice } from './people/send-access-notice.job.ts'
import { sweepPeopleLists } from './people/sweep-people-lists.job.ts'
import { goOnRotating } from './upkeep/go-on-rotating.job.ts'

export const jobs = {
  'send-notice': (payload) => sendNotice(payload),
  'send-invitation': (payload) => sendInvitation(payload),
  'send-password-reset': (payload) => sendPasswordReset(payload),
  'send-security-notice': (payload) => sendSecurityNotice(payload),
  'send-address-mail': (payload) => sendAddressMail(payload),
  'finish-address-changes': () => unlessClockIsWrong(() => finishAddressChanges()),
  'send-help-notice': (payload) => sendHelpNotice(payload),
  'close-shared-messages': (payload) => closeSharedMessages(payload),
  'check-file': (payload) => checkFile(payload),
  'check-held-files': () => checkHeldFiles(),
  'send-file-notice': (payload) => sendFileNotice(payload),
  'mark-ledger': markEachMinute,
  'publish-checkpoint': () => publishCheckpoint(),
  'tell-repeats': () => tellRepeats(),
  'finish-erasures': () => finishErasures(),
  'free-stuck-jobs': () => freeStuckJobs(),
  'sweep-uploads': () => unlessClockIsWrong(() => sweepUploads()),
  'sweep-sign-ins': () => unlessClockIsWrong(() => sweepSignIns()),
  'make-room-for-access-events': () => makeRoomForAccessEvents(),
  'go-on-rotating': () => goOnRotating(),
  'look-for-alarms': () => lookForAlarms(),
  'send-alarm-mail': (payload) => sendAlarmMail(payload),
  'send-alarm-webhook': (payload) => sendAlarmWebhook(payload),
  'prepare-export': (payload) => prepareExport(payload),
  'sweep-exports': () => unlessClockIsWrong(() => sweepExports()),
  'check-log': async () => void (await checkLog(false)),
  'check-whole-log': async () => void (await checkLog(true)),
  'send-access-notice': (payload) => sendAccessNotice(payload),
  'sweep-people-lists': () => sweepPeopleLists(),
} satisfies Jobs

/** Crontab lines (UTC). */
export const timetable = `
* * * * * mark-ledger
* * * * * finish-erasures
* * * * * tell-repeats
* * * * * free-stuck-jobs
* * * * * go-on-rotating
* * * * * look-for-alarms
* * * * * sweep-sign-ins
* * * * * finish-address-changes
* * * * * sweep-exports
*/5 * * * * check-held-files
*/10 * * * * publish-checkpoint
17 * * * * sweep-uploads
*/15 * * * * sweep-people-lists
5 3 * * * make-room-for-access-events
5,15,25,35,45,55 * * * * check-log
40 2 * * * check-whole-log
`
