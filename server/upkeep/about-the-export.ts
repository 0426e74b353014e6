/** The README.txt of an export, for whoever finds it in ten years. */
import type { Exported } from './export-messages.ts'

export function aboutTheExport(exported: Exported, now: Date, withKeys: boolean): string {
  const { threads, messages, files, missing, closed } = exported
  return `These are all messages of one installation of Letterlock, exported on ${now.toISOString()}:
${messages} messages in ${threads} conversations, with ${files} files. Everything private in it is sealed.

  bundle.json     what this is
  threads/        one file for each conversation, a line of JSON for each message, as they were stored
  files/          the files of the messages, as they were stored
${
  withKeys
    ? `  keys.sealed     the key of each message and the names of the people, sealed under the passphrase
                  that was chosen for this export. Without the passphrase nothing here opens.`
    : `  mailboxes.jsonl the private half of each mailbox, sealed to the organisation's recovery key.
                  There is no passphrase: a message opens with the private half of a mailbox that
                  took part in its conversation, or with the recovery key.`
}
  SHA256SUMS      a digest of each file; "sha256sum --check SHA256SUMS" compares them

To read it: decrypt-message.mjs of Letterlock, one file that needs Node.js 20 or later and nothing else.

${
  withKeys
    ? `  node decrypt-message.mjs FOLDER --passphrase-file FILE --to NEW-FOLDER`
    : `  node decrypt-message.mjs FOLDER --mailbox-key FILE --to NEW-FOLDER
  node decrypt-message.mjs FOLDER --recovery-key FILE --to NEW-FOLDER`
}

Everything about it stands in docs/format.md of Letterlock, exact enough to write another program from.
Messages that were taken back or erased have a line without content: nobody can open them.
Small pictures that stood for a file are left out; files were not checked for malware by the export.
${missing.length > 0 ? `\nNot in the store of files although a message has them, and so not here: ${missing.join(', ')}.\n` : ''}${
    closed.length > 0
      ? `\nMessages whose key did not open, and whose content is therefore lost: ${closed.join(', ')}.\n`
      : ''
  }`
}
