/** What the steps of `app.ts` add to a request. Feature folders add their own parts beside these (see sign-in/reader.ts). */
import type {} from 'express-serve-static-core'

declare module 'express-serve-static-core' {
  interface Request {
    /** Shown to people when something went wrong, and written with every line about this request. */
    requestId: string
    /** The person whom the page greets, and which areas its navigation shows. */
    person?: { name: string; role: string } | undefined
    /** How many things wait behind an entry of the navigation, by its path. */
    waiting?: Record<string, number>
    /** How many alarms are open, for administrators and auditors. */
    openAlarms?: number
    /** When the session ends, in milliseconds: without another click, and whatever happens. */
    ends?: { idle: number; last: number }
    /** The sign-in before this one, on the first page after signing in. */
    lastSignIn?: () => { day: string; time: string; iso: string } | null
    /** Where the secret behind the form's token rests: the session, or before one exists a cookie. */
    formSecrets: { csrfSecret?: string }
  }
}
