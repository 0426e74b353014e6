/** npm run write-env-example: writes .env.example from the table of settings, so that the two cannot differ. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { envExample } from '../server/config.ts'
import { projectRoot } from '../server/lib/root.ts'

writeFileSync(join(projectRoot, '.env.example'), envExample())
process.stdout.write('Wrote .env.example\n')
