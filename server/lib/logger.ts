/**
 * The technical log. It never holds content: only fields on the list below are written, everything else is dropped.
 * The access log is another thing and stands in `audit/`.
 */
import { pino, type Logger } from 'pino'
import { config } from '../config.ts'

const MAY_BE_LOGGED = [
  'requestId',
  'method',
  'route',
  'status',
  'milliseconds',
  'job',
  'attempt',
  'class',
  'code',
  'id',
  'count',
  'where',
  'name',
  'stack',
] as const

export type LogFields = Partial<Record<(typeof MAY_BE_LOGGED)[number], string | number | undefined>>

let made: Logger | undefined
const log = () => (made ??= pino({ level: config().logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime }))

export function logInfo(message: string, fields: LogFields = {}) {
  log().info(allowed(fields), message)
}

export function logWarning(message: string, fields: LogFields = {}) {
  log().warn(allowed(fields), message)
}

/** Logs an error by its class, code and stack frames; never by its message, which may quote what somebody wrote. */
export function logError(message: string, error: unknown, fields: LogFields = {}) {
  const { name, code, stack } = error as { name?: string; code?: string; stack?: string }
  const frames = stack
    ?.split('\n')
    .filter((line) => /^\s+at /.test(line))
    .slice(0, 8)
    .join('\n')
  log().error(allowed({ ...fields, name, code, stack: frames }), message)
}

function allowed(fields: LogFields): LogFields {
  return Object.fromEntries(
    Object.entries(fields).filter(([name]) => (MAY_BE_LOGGED as readonly string[]).includes(name)),
  )
}
