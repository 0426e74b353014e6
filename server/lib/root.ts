import { fileURLToPath } from 'node:url'

/** The folder of the project (of views, static and migrations), seen from dist/server/lib. */
export const projectRoot = fileURLToPath(new URL('../../../', import.meta.url))
