/** npm run make-master-key: prints a new master key, for a file that only the server's own user can read. */
import { makeMasterKey } from '../server/vault/master-key.ts'

process.stdout.write(`${makeMasterKey()}\n`)
