/** What a person is told of when it happened to their sign-in. */
export type SecurityChange =
  | 'password-changed'
  | 'password-reset'
  | 'code-app-replaced'
  | 'passkey-added'
  | 'passkey-removed'
  | 'sign-on-linked'
  | 'sign-on-removed'
  | 'recovery-code-used'
  | 'recovery-codes-made'
  | 'address-changed'
  | 'address-restored'
  | 'new-device'
  | 'signed-out-everywhere'
  | 'many-wrong-tries'
  | 'many-wrong-codes'
  | 'help-used'
  | 'earlier-messages-recovered'
  | 'earlier-messages-shared'

/** The names of later work and what each is told: ids, never content. `work.ts` joins them to functions. */
export interface JobPayloads {
  'send-notice': { messageId: string; mailboxId: string; accountId: string }
  'send-invitation': { accountId: string }
  /** A change of somebody's access, or that their conversations went to somebody else at a moment (ISO). */
  'send-access-notice': { changeId: string } | { handedOverFrom: string; at: string }
  'sweep-people-lists': Record<string, never>
  /** For an address that has no sign-in, the id of nobody. */
  'send-password-reset': { accountId: string }
  'send-security-notice': { accountId: string; change: SecurityChange; at: string }
  'send-address-mail': { changeId: string; to: 'new' | 'old'; about: 'asked' | 'changed' }
  'finish-address-changes': Record<string, never>
  'send-help-notice': { resetId: string; step: 'asked' | 'code-made' }
  'close-shared-messages': { accountId: string; since: string }
  'mark-ledger': Record<string, never>
  'publish-checkpoint': Record<string, never>
  'tell-repeats': Record<string, never>
  'finish-erasures': Record<string, never>
  'free-stuck-jobs': Record<string, never>
  'check-file': { attachmentId: string }
  'check-held-files': Record<string, never>
  'send-file-notice': { attachmentId: string; about: 'blocked' | 'held' }
  'sweep-uploads': Record<string, never>
  'sweep-sign-ins': Record<string, never>
  'make-room-for-access-events': Record<string, never>
  'go-on-rotating': Record<string, never>
  'prepare-export': { exportId: string }
  'sweep-exports': Record<string, never>
  'check-log': Record<string, never>
  'check-whole-log': Record<string, never>
  'look-for-alarms': Record<string, never>
  /** To an administrator, or (null) to whoever keeps watch by the settings. */
  'send-alarm-mail': { alarmId: string; accountId: string | null }
  'send-alarm-webhook': { alarmId: string }
}

export type JobName = keyof JobPayloads

/** Every job has a function that takes its payload; running it twice does no harm. */
export type Jobs = { [Name in JobName]: (payload: JobPayloads[Name]) => Promise<void> }
