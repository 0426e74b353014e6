// While a file is looked at, asks how far that is, and shows the page anew when something has changed. Asking keeps no session alive.
const { check, state } = document.querySelector('[data-check]').dataset
let wait = 2000
setTimeout(ask, wait)

async function ask() {
  const answer = document.hidden
    ? undefined
    : await fetch(check, { headers: { accept: 'application/json' } }).catch(() => {})
  const now = answer?.ok ? (await answer.json().catch(() => ({}))).state : state
  // Signed out meanwhile, or not there any more: the page itself says so.
  if (now !== state || (answer && answer.status >= 400 && answer.status < 500)) return location.reload()
  wait = Math.min(wait * 1.5, 30_000)
  setTimeout(ask, wait)
}
