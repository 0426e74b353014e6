/** Everything that the access log can say was done. The console's words for them stand in the catalogue `reports`. */
export const ACTS = [
  'account.invited',
  'account.enrolled',
  'account.signed-in',
  'account.signed-out',
  'sign-in.refused',
  'sign-in.code-refused',
  'sign-in.recovery-code-used',
  'enrolment.started',
  'enrolment.refused',
  'team.created',
  'team.joined',
  'message.dropped',
  'message.opened',
  'message.recalled',
  'notice.sent',
  'notice.failed',
  'attachment.received',
  'attachment.previewed',
  'attachment.downloaded',
  'inbox.listed',
  'access-events.read',
  'people.listed',
  'page.refused',
  'envelope.refused',
] as const

export type Act = (typeof ACTS)[number]
