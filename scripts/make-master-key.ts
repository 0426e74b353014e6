/** npm run make-master-key [-- VERSION]: prints a new version of the master key, for a file that only the server's own user can read. */
import { makeMasterKey } from '../server/vault/master-key.ts'

const version = Number(process.argv[2] ?? 1)
if (Number.isInteger(version) && version > 0 && version < 1e9) process.stdout.write(`${makeMasterKey(version)}\n`)
else {
  process.stderr.write('A version is a whole number: npm run make-master-key -- 2\n')
  process.exitCode = 1
}
