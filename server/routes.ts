/** Every URL, grouped by who may ask. A route cannot be added without choosing its group. */
import { noteAlarm, showAlarm, showAlarms, takeAlarm } from './alarms/alarms.pages.ts'
import { config } from './config.ts'
import { askSection, askUndo, showHistory, showSettings, takeSection, takeUndo } from './organisation/settings.pages.ts'
import {
  askMail,
  askStep,
  finishSetup,
  sendTestMail,
  showSetup,
  takeMailCode,
  takeStep,
} from './organisation/setup.pages.ts'
import { allowed, anyone, proved, router, signedIn } from './groups.ts'
import { beginPieces, finishUploadInPieces, showUpload, takeBackUpload, takePiece } from './attachments/upload.pages.ts'
import { check, compose, keepLateMessage, send, takeMessage } from './intake/compose.pages.ts'
import { makeNewAccessCode, showAccessCode } from './messages/access-code.pages.ts'
import { download, sendCheckState, sendPage, sendThumbnail, showAttachment } from './messages/attachment.pages.ts'
import { askDelete, removeDraft } from './messages/draft.pages.ts'
import { showInbox } from './messages/inbox.pages.ts'
import { showOwnProtection } from './messages/protection.pages.ts'
import { askRecall, recall } from './messages/recall.pages.ts'
import { downloadReceipt, showReceipt } from './messages/receipt.pages.ts'
import { keepLateReply, sendReply, showSent } from './messages/reply.pages.ts'
import { askShareAgain, takeShareAgain } from './messages/share-again.pages.ts'
import { showMessage } from './messages/thread.pages.ts'
import {
  askNewPassword,
  landing,
  pressContinue,
  sendPasskeyOptions,
  takePasskeyByLink,
  takePasswordByLink,
} from './notices/link.pages.ts'
import { showEnded, takeTold } from './people/ended.pages.ts'
import { askHandOver, takeHandOver } from './people/hand-over.pages.ts'
import { askList, downloadTemplate, showList, takeList, useList } from './people/import.pages.ts'
import { askInvitation, showPeople, takeInvitation, takeSearch } from './people/people.pages.ts'
import {
  askClose,
  askInviteAgain,
  askReopen,
  askRole,
  askSuspend,
  showPerson,
  takeClose,
  takeInviteAgain,
  takeReopen,
  takeRole,
  takeSuspend,
} from './people/person.pages.ts'
import {
  askAdd,
  askRemove,
  askRename,
  askTeam,
  showTeam,
  showTeams,
  takeAdd,
  takeRemove,
  takeRename,
  takeTeam,
} from './people/teams.pages.ts'
import { downloadOwnCertificate } from './messages/certificate.pages.ts'
import {
  askErase,
  askWhich,
  downloadCertificate,
  showErasures,
  takeErase,
  takeWhich,
} from './reports/erasures.pages.ts'
import { askHold, askLift, showHolds, takeHold, takeLift } from './reports/holds.pages.ts'
import {
  askExport,
  downloadExport,
  sendExportState,
  showExport,
  showExports,
  takeCancel,
  takeExport,
} from './reports/exports.pages.ts'
import { askDisclosure, takeDisclosure, takeWithdrawal } from './reports/disclosures.pages.ts'
import {
  askActivity,
  askPatient,
  askProtection,
  askTouched,
  showAccesses,
  showActivity,
  showCoverage,
  showDisclosures,
  showProtection,
  showReports,
  takeActivity,
  takePatient,
  takeProtection,
  takeTouched,
} from './reports/reports.pages.ts'
import { searchAccessEvents, showAccessEvents } from './reports/access-events.pages.ts'
import { showEvent } from './reports/event.pages.ts'
import { showOverview } from './reports/overview.pages.ts'
import { findPatient, showTimeline } from './reports/timeline.pages.ts'
import { showOpenings } from './reports/openings.pages.ts'
import { askOtherCodeApp, takeOtherCodeApp } from './own-account/code-app.pages.ts'
import { askChangedPassword, takeChangedPassword } from './own-account/password.pages.ts'
import { askName, showAccount, takeName } from './own-account/account.pages.ts'
import {
  askAddress,
  askConfirmNew,
  showAddressChange,
  stopAddress,
  stopByOldLink,
  takeAddress,
  takeConfirmNew,
  takeConfirmOld,
} from './own-account/address-change.pages.ts'
import {
  askCode,
  askRecoveryCode,
  sendCodeStepOptions,
  takeCode,
  takePasskeyAsCode,
  takeRecoveryCode,
} from './sign-in/code.pages.ts'
import {
  askHelp,
  findPersonToHelp,
  showHelpCode,
  showHelpRequest,
  showHelpRequests,
  showPersonToHelp,
  takeApproval,
  takeHelpRequest,
  takeStop,
} from './help-sign-in/help-sign-in.pages.ts'
import {
  askHelpCode,
  askHelpedPassword,
  askHelpedSecondFactor,
  takeHelpCode,
  takeHelpedPassword,
  takeHelpedSecondFactor,
} from './help-sign-in/helped-sign-in.pages.ts'
import { answerHelpAsked, askHelpAsked, askStopHelp, stopHelpFromMail } from './help-sign-in/stop-help.pages.ts'
import {
  askPasswordBesidePasskey,
  askSecondFactor,
  downloadRecoveryCodes,
  keepRecoveryCodes,
  showRecoveryCodes,
  takePasswordBesidePasskey,
  takeSecondFactor,
} from './enrolment/enrol.pages.ts'
import { extendSession } from './sign-in/session.pages.ts'
import { endAllDevices, endDevice, endOtherDevices, forget, showDevices } from './own-account/devices.pages.ts'
import { askNotMe, takeNotMe } from './own-account/not-me.pages.ts'
import { sendSignInOptions, takePasskey } from './sign-in/passkey.pages.ts'
import { askPasswordOnceMet, takePasswordOnceMet } from './sign-in/password-step.pages.ts'
import { comeBack, signOn } from './sign-in/sign-on.pages.ts'
import { beginLink, removeLink, showSignOn, takeLink } from './own-account/sign-on.pages.ts'
import {
  askPasskeyName,
  askPasskeyRemoval,
  removeOwnPasskey,
  sendNewPasskeyOptions,
  showPasskeys,
  takeNewPasskey,
  takePasskeyName,
} from './own-account/passkeys.pages.ts'
import { askProof, sendProofOptions, takePasskeyAsProof, takeProof } from './sign-in/prove.pages.ts'
import { askPassword, goHome, signOut, takePassword } from './sign-in/sign-in.pages.ts'
import {
  renewCodes,
  showCodeUsed,
  showOwnCodes,
  takeEarlierCode,
  takeEarlierPassword,
} from './own-account/recovery-codes.pages.ts'
import {
  askForgotten,
  askReset,
  showAsked,
  showPasswordSet,
  showSignInHelp,
  takeForgotten,
  takeReset,
} from './sign-in/reset-password.pages.ts'
import { showCapturedHtml, showCapturedMail, showOutbox, showOutboxJson, showWelcome } from './try-out/try-out.pages.ts'
import { showCheckNotice, showHelp, showPrivacy } from './web/help.pages.ts'

const certain = proved()
const provider = allowed('provider')
const admin = allowed('admin')
const oversight = allowed('admin', 'auditor')
const helpers = allowed('provider', 'admin')
const provedHelpers = proved('provider', 'admin')
const provedAdmin = proved('admin')
const provedOversight = proved('admin', 'auditor')
const provedStaff = proved('provider', 'admin', 'auditor')

anyone.get('/', goHome)
anyone.get('/help', showHelp)
anyone.get('/privacy', showPrivacy)
anyone.get('/check-notice', showCheckNotice)

anyone.get('/m/:token', landing)
anyone.post('/m/:token', pressContinue)
anyone.get('/m/:token/password', askNewPassword)
anyone.post('/m/:token/password', takePasswordByLink)
anyone.get('/m/:token/passkey', sendPasskeyOptions)
anyone.post('/m/:token/passkey', takePasskeyByLink)

// These look at the step that the session has reached, not at a reader: there is none yet.
anyone.get('/enrol/second-factor', askSecondFactor)
anyone.post('/enrol/second-factor', takeSecondFactor)
anyone.get('/enrol/password', askPasswordBesidePasskey)
anyone.post('/enrol/password', takePasswordBesidePasskey)
anyone.get('/sign-in', askPassword)
anyone.post('/sign-in', takePassword)
anyone.get('/sign-in/passkey', sendSignInOptions)
anyone.post('/sign-in/passkey', takePasskey)
anyone.get('/sign-in/password', askPasswordOnceMet)
anyone.post('/sign-in/password', takePasswordOnceMet)
anyone.get('/sign-in/code', askCode)
anyone.post('/sign-in/code', takeCode)
anyone.get('/sign-in/code/passkey', sendCodeStepOptions)
anyone.post('/sign-in/code/passkey', takePasskeyAsCode)
anyone.get('/sign-in/recovery-code', askRecoveryCode)
anyone.post('/sign-in/recovery-code', takeRecoveryCode)
anyone.get('/sign-in/help', showSignInHelp)
anyone.get('/sign-in/forgot', askForgotten)
anyone.post('/sign-in/forgot', takeForgotten)
anyone.get('/sign-in/forgot/asked', showAsked)
anyone.get('/sign-in/reset/:token', askReset)
anyone.post('/sign-in/reset/:token', takeReset)
anyone.get('/sign-in/password-set', showPasswordSet)
anyone.get('/sign-in/staff-code', askHelpCode)
anyone.post('/sign-in/staff-code', takeHelpCode)
anyone.get('/sign-in/staff-code/password', askHelpedPassword)
anyone.post('/sign-in/staff-code/password', takeHelpedPassword)
anyone.get('/sign-in/staff-code/second-factor', askHelpedSecondFactor)
anyone.post('/sign-in/staff-code/second-factor', takeHelpedSecondFactor)
anyone.post('/sign-out', signOut)

anyone.get('/stop-help/:cancel', askStopHelp)
anyone.post('/stop-help/:cancel', stopHelpFromMail)
signedIn.get('/help-asked', askHelpAsked)
signedIn.post('/help-asked', answerHelpAsked)

helpers.get('/help-sign-in', showHelpRequests)
helpers.post('/help-sign-in', findPersonToHelp)
helpers.get('/help-sign-in/people/:account', showPersonToHelp)
provedHelpers.get('/help-sign-in/people/:account/ask', askHelp)
provedHelpers.post('/help-sign-in/people/:account/ask', takeHelpRequest)
provedHelpers.get('/help-sign-in/requests/:request', showHelpRequest)
provedHelpers.post('/help-sign-in/requests/:request/approve', takeApproval)
provedHelpers.post('/help-sign-in/requests/:request/stop', takeStop)
provedHelpers.post('/help-sign-in/requests/:request/code', showHelpCode)

signedIn.get('/enrol/recovery-codes', showRecoveryCodes)
signedIn.get('/enrol/recovery-codes.txt', downloadRecoveryCodes)
signedIn.post('/enrol/recovery-codes', keepRecoveryCodes)

signedIn.post('/session/extend', extendSession)
signedIn.get('/prove', askProof)
signedIn.post('/prove', takeProof)
signedIn.get('/prove/passkey', sendProofOptions)
signedIn.post('/prove/passkey', takePasskeyAsProof)

certain.get('/account/passkeys', showPasskeys)
certain.post('/account/passkeys', takeNewPasskey)
certain.get('/account/passkeys/new', sendNewPasskeyOptions)
certain.get('/account/passkeys/:passkey/name', askPasskeyName)
certain.post('/account/passkeys/:passkey/name', takePasskeyName)
certain.get('/account/passkeys/:passkey/remove', askPasskeyRemoval)
certain.post('/account/passkeys/:passkey/remove', removeOwnPasskey)

signedIn.get('/account', showAccount)
certain.get('/account/name', askName)
certain.post('/account/name', takeName)
certain.get('/account/password', askChangedPassword)
certain.post('/account/password', takeChangedPassword)
certain.get('/account/code-app', askOtherCodeApp)
certain.post('/account/code-app', takeOtherCodeApp)
certain.get('/account/address', askAddress)
certain.post('/account/address', takeAddress)
signedIn.post('/account/address/stop', stopAddress)
signedIn.get('/account/address/confirm/:token', askConfirmNew)
signedIn.post('/account/address/confirm/:token', takeConfirmNew)
signedIn.get('/account/openings', showOpenings)

// What the mails about a change lead to. Opening does nothing; the old mailbox can stop a change also when nobody can sign in any more.
anyone.get('/address-change/:token', showAddressChange)
anyone.post('/address-change/:token/confirm', takeConfirmOld)
anyone.post('/address-change/:token/stop', stopByOldLink)
anyone.get('/not-me/:token', askNotMe)
anyone.post('/not-me/:token', takeNotMe)

certain.get('/account/devices', showDevices)
certain.post('/account/devices/end', endDevice)
certain.post('/account/devices/forget', forget)
certain.post('/account/devices/end-others', endOtherDevices)
certain.post('/account/devices/end-all', endAllDevices)

certain.get('/account/recovery-codes', showOwnCodes)
certain.post('/account/recovery-codes', renewCodes)
certain.post('/account/recovery-codes/earlier', takeEarlierCode)
certain.post('/account/recovery-codes/earlier-password', takeEarlierPassword)
signedIn.get('/account/recovery-code-used', showCodeUsed)

// Before /messages/:message, which it would match.
provider.get('/messages/new', compose)
provider.upload('/messages', takeMessage, keepLateMessage)
provider.get('/drafts/:draft/check', check)
provider.post('/drafts/:draft/send', send)

provider.get('/messages/:message/access-code', showAccessCode)
provider.post('/messages/:message/access-code', makeNewAccessCode)

signedIn.get('/drafts/:draft/delete', askDelete)
signedIn.post('/drafts/:draft/delete', removeDraft)
signedIn.get('/messages', showInbox)
signedIn.get('/messages/:message', showMessage)
signedIn.upload('/messages/:message/replies', sendReply, keepLateReply)
signedIn.get('/messages/:message/sent', showSent)
signedIn.get('/messages/:message/recall', askRecall)
signedIn.post('/messages/:message/recall', recall)
signedIn.get('/messages/:message/receipt', showReceipt)
signedIn.get('/messages/:message/receipt.txt', downloadReceipt)
signedIn.get('/messages/:message/certificate', downloadOwnCertificate)
signedIn.get('/messages/:message/protection', showOwnProtection)
signedIn.get('/messages/:message/share-again/:mailbox', askShareAgain)
signedIn.post('/messages/:message/share-again/:mailbox', takeShareAgain)
signedIn.post('/uploads', beginPieces)
signedIn.get('/uploads/:upload', showUpload)
signedIn.patch('/uploads/:upload', takePiece)
signedIn.post('/uploads/:upload/finish', finishUploadInPieces)
signedIn.delete('/uploads/:upload', takeBackUpload)

signedIn.get('/attachments/:attachment', showAttachment)
signedIn.get('/attachments/:attachment/thumbnail', sendThumbnail)
signedIn.get('/attachments/:attachment/pages/:page', sendPage)
signedIn.get('/attachments/:attachment/check', sendCheckState)
signedIn.get('/attachments/:attachment/download', download)

admin.get('/admin/people', showPeople)
admin.post('/admin/people', takeSearch)
provedAdmin.get('/admin/people/invite', askInvitation)
provedAdmin.post('/admin/people/invite', takeInvitation)
provedAdmin.get('/admin/people/import', askList)
provedAdmin.get('/admin/people/import.csv', downloadTemplate)
provedAdmin.list('/admin/people/import', takeList)
provedAdmin.get('/admin/people/import/:list', showList)
provedAdmin.post('/admin/people/import/:list', useList)
oversight.get('/admin/people/ended', showEnded)
provedAdmin.post('/admin/people/ended/:change/told', takeTold)
// After the fixed words, which it would match.
admin.get('/admin/people/:account', showPerson)
provedAdmin.get('/admin/people/:account/suspend', askSuspend)
provedAdmin.post('/admin/people/:account/suspend', takeSuspend)
provedAdmin.get('/admin/people/:account/reopen', askReopen)
provedAdmin.post('/admin/people/:account/reopen', takeReopen)
provedAdmin.get('/admin/people/:account/close', askClose)
provedAdmin.post('/admin/people/:account/close', takeClose)
provedAdmin.get('/admin/people/:account/role', askRole)
provedAdmin.post('/admin/people/:account/role', takeRole)
provedAdmin.get('/admin/people/:account/invite-again', askInviteAgain)
provedAdmin.post('/admin/people/:account/invite-again', takeInviteAgain)
provedAdmin.get('/admin/people/:account/hand-over', askHandOver)
provedAdmin.post('/admin/people/:account/hand-over', takeHandOver)
admin.get('/admin/teams', showTeams)
provedAdmin.get('/admin/teams/new', askTeam)
provedAdmin.post('/admin/teams/new', takeTeam)
admin.get('/admin/teams/:team', showTeam)
provedAdmin.get('/admin/teams/:team/rename', askRename)
provedAdmin.post('/admin/teams/:team/rename', takeRename)
provedAdmin.get('/admin/teams/:team/add', askAdd)
provedAdmin.post('/admin/teams/:team/add', takeAdd)
provedAdmin.get('/admin/teams/:team/remove/:account', askRemove)
provedAdmin.post('/admin/teams/:team/remove/:account', takeRemove)
oversight.get('/admin/access-events', showAccessEvents)
oversight.post('/admin/access-events', searchAccessEvents)
oversight.get('/admin/access-events/:event', showEvent)
oversight.get('/admin', showOverview)
oversight.post('/admin/patients', findPatient)
oversight.get('/admin/patients/:account', showTimeline)
oversight.get('/admin/erasures', showErasures)
oversight.get('/admin/erasures/:message/certificate', downloadCertificate)
provedAdmin.get('/admin/erasures/new', askWhich)
provedAdmin.post('/admin/erasures/new', takeWhich)
provedAdmin.get('/admin/erasures/:message/erase', askErase)
provedAdmin.post('/admin/erasures/:message/erase', takeErase)
oversight.get('/admin/holds', showHolds)
provedAdmin.get('/admin/holds/new', askHold)
provedAdmin.post('/admin/holds/new', takeHold)
provedAdmin.get('/admin/holds/:hold/lift', askLift)
provedAdmin.post('/admin/holds/:hold/lift', takeLift)

oversight.get('/admin/exports', showExports)
provedOversight.get('/admin/exports/new', askExport)
provedOversight.post('/admin/exports/new', takeExport)
provedOversight.get('/admin/exports/:export', showExport)
oversight.get('/admin/exports/:export/state', sendExportState)
oversight.post('/admin/exports/:export/cancel', takeCancel)
// The link itself says that its person proved who they are, less than ten minutes ago.
oversight.get('/admin/exports/:export/files/:link', downloadExport)

oversight.get('/admin/reports', showReports)
oversight.get('/admin/reports/patient', askPatient)
oversight.post('/admin/reports/patient', takePatient)
oversight.get('/admin/reports/patients/:account/disclosures', showDisclosures)
oversight.get('/admin/reports/patients/:account/openings', showAccesses)
provedAdmin.get('/admin/reports/patients/:account/disclosures/new', askDisclosure)
provedAdmin.post('/admin/reports/patients/:account/disclosures/new', takeDisclosure)
provedAdmin.post('/admin/reports/disclosures/:disclosure/withdraw', takeWithdrawal)
oversight.get('/admin/reports/activity', askActivity)
oversight.post('/admin/reports/activity', takeActivity)
oversight.get('/admin/reports/people/:account/activity', showActivity)
oversight.get('/admin/reports/coverage', showCoverage)
provedOversight.get('/admin/reports/touched', askTouched)
provedOversight.post('/admin/reports/touched', takeTouched)
oversight.get('/admin/reports/protection', askProtection)
oversight.post('/admin/reports/protection', takeProtection)
oversight.get('/admin/reports/messages/:message/protection', showProtection)
provedAdmin.get('/admin/settings', showSettings)
provedAdmin.get('/admin/settings/history', showHistory)
provedAdmin.get('/admin/settings/history/:version/undo', askUndo)
provedAdmin.post('/admin/settings/history/:version/undo', takeUndo)
provedAdmin.get('/admin/settings/:section', askSection)
provedAdmin.post('/admin/settings/:section', takeSection)
oversight.get('/admin/alarms', showAlarms)
oversight.get('/admin/alarms/:alarm', showAlarm)
provedOversight.post('/admin/alarms/:alarm', noteAlarm)
provedOversight.post('/admin/alarms/:alarm/take', takeAlarm)

// A try-out is set up already.
if (config().production) {
  provedAdmin.get('/admin/setup', showSetup)
  provedAdmin.post('/admin/setup', finishSetup)
  provedAdmin.get('/admin/setup/mail', askMail)
  provedAdmin.post('/admin/setup/mail', sendTestMail)
  provedAdmin.post('/admin/setup/mail/code', takeMailCode)
  provedAdmin.get('/admin/setup/:step', askStep)
  provedAdmin.post('/admin/setup/:step', takeStep)
}

// Only where a provider is set.
if (config().signOn) {
  anyone.get('/sign-in/sign-on', signOn)
  anyone.get('/sign-in/sign-on/back', comeBack)
  provedStaff.get('/account/sign-on', showSignOn)
  provedStaff.post('/account/sign-on', takeLink)
  provedStaff.get('/account/sign-on/begin', beginLink)
  provedStaff.post('/account/sign-on/remove', removeLink)
}

if (config().tryOut) {
  anyone.get('/demo', showWelcome)
  anyone.get('/demo/outbox', showOutbox)
  anyone.get('/demo/outbox.json', showOutboxJson)
  anyone.get('/demo/outbox/:mail', showCapturedMail)
  anyone.get('/demo/outbox/:mail/html', showCapturedHtml)
}

export const routes = () => router
