/**
 * Test files that take minutes on two cores. `npm run long-tests` runs them; `npm test` does when it is given their names, and holds the same by
 * what stands behind each, which is shorter and looks at less.
 */
export const LONG_TESTS: Record<string, string> = {
  // Every page of the running product in the browser: in short by its samples there, and by the journeys of a message.
  'journeys/access-code': 'enrolment/access-code',
  'journeys/account': 'own-account/account',
  'journeys/autosave': 'messages/autosave',
  'journeys/by-keyboard': 'journeys/message-travels-with-scripts',
  'journeys/forgotten-password': 'sign-in/reset-password',
  'journeys/help-with-sign-in': 'help-sign-in/help-sign-in',
  'journeys/large-file': 'attachments/uploads-in-pieces',
  'journeys/pages': 'views/pages-in-a-browser',
  'journeys/pages-of-sign-in': 'views/pages-in-a-browser',
  'journeys/passkeys': 'sign-in/passkeys',
  'journeys/session-ends': 'sign-in/sessions',
  'journeys/share-again': 'messages/share-again',
  'journeys/sign-on': 'sign-in/sign-on',
  'journeys/tired-patient': 'journeys/message-travels-without-scripts',
  'views/samples-in-a-browser': 'views/pages-in-a-browser',
  // Passwords that are stretched for real, and thousands of tries.
  'sign-in/flood': 'sign-in/prove',
  'sign-in/guessing': 'sign-in/sign-in',
  'sign-in/old-mail-sealed': 'sign-in/old-mail-managed',
  'sign-in/password': 'sign-in/sign-in',
  'sign-in/races': 'sign-in/two-processes',
  // Many processes of their own, one after the other.
  'database/embedded': 'database/migrate',
  'faults/killed': 'faults/killed-at-random',
  'upkeep/export-messages': 'vault/format',
  'upkeep/master-key-scripts': 'upkeep/rotate-master-key',
  'upkeep/restore': 'upkeep/backup',
  'upkeep/restore-drill': 'upkeep/backup',
  'upkeep/restored-and-erased': 'upkeep/older-database',
}
