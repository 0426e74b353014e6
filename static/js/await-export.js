// While an export is prepared, says how far it is, and shows the page anew when it is over. Asking keeps no session alive.
const place = document.querySelector('[data-export]')
const said = place.querySelector('[role=status]')
let wait = 1000
setTimeout(ask, wait)

async function ask() {
  const answer = document.hidden
    ? undefined
    : await fetch(place.dataset.export, { headers: { accept: 'application/json' } }).catch(() => {})
  const { state, text } = answer?.ok ? await answer.json().catch(() => ({})) : {}
  // Signed out meanwhile, or not there any more: the page itself says so.
  if ((state && state !== 'preparing') || (answer && answer.status >= 400 && answer.status < 500))
    return location.reload()
  if (text && said.textContent !== text) said.textContent = text
  wait = Math.min(wait * 1.3, 10_000)
  setTimeout(ask, wait)
}
