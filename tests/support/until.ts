/** Waiting for a state instead of for a time: on a busy machine it only takes longer. */

/** @returns what `look` finds, as soon as it finds something @throws Error when nothing comes for a minute */
export async function until<T>(
  look: () => Promise<T | undefined | false> | T | undefined | false,
  what: string,
): Promise<T> {
  for (const end = Date.now() + MINUTE; Date.now() < end; await new Promise((done) => setTimeout(done, 25))) {
    const found = await look()
    if (found) return found
  }
  throw new Error(`waited a minute in vain: ${what}`)
}

const MINUTE = 60_000
