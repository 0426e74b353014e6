/**
 * What is known of a file's harmlessness. `not-checked`: no scanner was set when it came; `held`: the scanner could not say, and is asked again.
 */
export type CheckState = 'not-checked' | 'checking' | 'clean' | 'blocked' | 'held'

/** Whether anybody may have the file now: only what was found clean, or came where nothing is checked. */
export function mayLeave(state: CheckState): boolean {
  return state === 'clean' || state === 'not-checked'
}

/** What the access log says when somebody asked for a file that may not leave. */
export const REFUSED_FOR = { checking: 'being-checked', held: 'not-checkable', blocked: 'holds-malware' } as const
