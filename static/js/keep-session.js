// Warns two minutes before the session ends, keeps it by one key, and takes the page away when it has ended. It never asks the server by itself.
const WARN = 120
const root = document.documentElement
const dialog = document.getElementById('time-left')
const clock = dialog.querySelector('.clock strong')
const status = dialog.querySelector('[role=status]')
const tabs = new BroadcastChannel('session')
let ends
let understood
let said

take(root.dataset)
tabs.onmessage = ({ data }) => {
  ends = data
  tick()
}
document.addEventListener('session-kept', ({ detail }) => take(detail))
dialog.addEventListener('cancel', stay)
for (const button of dialog.querySelectorAll('button[data-when]')) button.addEventListener('click', stay)
document.addEventListener('visibilitychange', tick)
// A page that comes back from the browser's memory may have been left since.
addEventListener('pageshow', ({ persisted }) => persisted && location.reload())
const timer = setInterval(tick, 1000)
tick()

/** Seconds, as the server tells them; other tabs hear of it. */
function take({ idle, last }) {
  const now = Date.now()
  ends = { idle: now + idle * 1000, last: now + last * 1000 }
  tabs.postMessage(ends)
}

function tick() {
  const left = Math.ceil((Math.min(ends.idle, ends.last) - Date.now()) / 1000)
  const when = ends.last <= ends.idle ? 'last' : 'idle'
  // The server's clock comes first.
  if (left < 0) return leave()
  if (left > WARN || (when === 'last' && understood)) return dialog.close()
  clock.textContent = status.dataset.says.replace('{time}', inWords(left))
  if (!dialog.open) {
    for (const each of dialog.querySelectorAll('[data-when]')) each.hidden = each.dataset.when !== when
    dialog.showModal()
    said = Math.ceil(left / 30)
  } else if (Math.ceil(left / 30) !== said) {
    said = Math.ceil(left / 30)
    status.textContent = clock.textContent
  }
}

function inWords(seconds) {
  const unit = (count, name) =>
    new Intl.NumberFormat(root.lang, { style: 'unit', unit: name, unitDisplay: 'long' }).format(count)
  const parts = [
    Math.floor(seconds / 60) && unit(Math.floor(seconds / 60), 'minute'),
    seconds % 60 && unit(seconds % 60, 'second'),
  ]
  return parts.filter(Boolean).join(' ') || unit(0, 'second')
}

async function stay() {
  understood ||= ends.last <= ends.idle
  dialog.close()
  if (understood) return
  const body = new URLSearchParams({ _csrf: document.forms['sign-out'].elements._csrf.value })
  // Without a line to the server the question comes back with the next second.
  const answer = await fetch('/session/extend', { method: 'POST', body, redirect: 'manual' }).catch(() => ({}))
  if (answer.ok) take(await answer.json())
  else if (answer.type === 'opaqueredirect') leave()
}

/** What is still unsaved on the page is sent instead; it is kept, and leads to the same place. */
function leave() {
  clearInterval(timer)
  dialog.close()
  if (!document.dispatchEvent(new Event('session-end', { cancelable: true }))) return
  const here = new URL(('posted' in root.dataset && document.referrer) || location.href)
  location.replace(`/sign-in?next=${encodeURIComponent(here.pathname + here.search)}`)
}
