/**
 * How a running process keeps up with the settings: it looks each second which version is the newest. That is one small question a second, which needs
 * no connection of its own and cannot miss a message, as one who listens can.
 */
import { isAway } from '../database/connection.ts'
import { logError } from '../lib/logger.ts'
import { findSettings, newestVersion } from './settings.store.ts'
import { settingsVersion, useSettings } from './settings.ts'

const A_SECOND = 1000

/** @returns what ends it @throws EnvelopeRefused when the newest settings were changed in the database */
export async function followSettings(): Promise<() => Promise<void>> {
  useSettings(0, {})
  await lookAtSettings()
  let told = false
  let looking: Promise<void> = Promise.resolve()
  const timer = setInterval(() => {
    looking = lookAtSettings().then(
      () => {
        told = false
      },
      (error: unknown) => {
        // It goes on with what it has.
        if (!told && !isAway(error)) logError('The newest settings cannot be taken up', error)
        told = true
      },
    )
  }, A_SECOND)
  timer.unref()
  return async () => {
    clearInterval(timer)
    await looking
    useSettings(0, {})
  }
}

/** Takes up the newest version, if it is another than the one in use. */
export async function lookAtSettings(): Promise<void> {
  const newest = await newestVersion()
  if (newest === settingsVersion()) return
  useSettings(newest, (await findSettings(newest))?.values ?? {})
}
