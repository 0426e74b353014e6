// Saves a draft three seconds after the last key and when the page is left, never two at once, and says where it is. Files go with Save or Send.
const WAIT = 3000
const AGAIN = 15_000

for (const form of document.querySelectorAll('form[data-autosave]')) {
  const line = form.querySelector('.saved')
  const remove = form.querySelector('[data-delete]')
  let typed = false
  let unsaved = false
  let over = false
  let saving
  let timer

  form.addEventListener('input', ({ target }) => {
    if (target.type === 'file' || target.name === 'remove') return
    typed = unsaved = true
    later(WAIT)
  })
  document.addEventListener('visibilitychange', () => document.hidden && save())
  form.addEventListener('submit', (event) => {
    clearTimeout(timer)
    over = true
    if (!saving) return
    // The earlier text must not arrive after the later one.
    event.preventDefault()
    event.stopPropagation()
    const enough = new Promise((done) => setTimeout(done, 5000))
    Promise.race([saving, enough]).then(() => {
      saving = undefined
      form.requestSubmit(event.submitter)
    })
  })
  addEventListener('pageshow', () => (over = false))
  // The session has ended on this page: what is not saved yet goes the way of a form that comes late.
  document.addEventListener('session-end', (event) => {
    if (over || !(unsaved || saving || form.elements.files?.files.length)) return
    event.preventDefault()
    form.requestSubmit(form.querySelector('[value=save]'))
  })

  function later(wait) {
    clearTimeout(timer)
    timer = setTimeout(save, wait)
  }

  async function save() {
    if (saving || over || !unsaved) return
    clearTimeout(timer)
    saving = send()
    await saving
    saving = undefined
    if (unsaved && !over) later(typed ? WAIT : AGAIN)
  }

  async function send() {
    const fields = new FormData(form)
    fields.delete('files')
    fields.delete('remove')
    fields.set('action', 'save')
    const body = new URLSearchParams(fields)
    const headers = { accept: 'application/json', ...(typed && { 'x-typed': 'yes' }) }
    typed = unsaved = false
    try {
      const keepalive = document.hidden && body.toString().length < 60_000
      // Not form.action: the buttons have that name.
      const answer = await fetch(form.getAttribute('action'), {
        method: 'POST',
        body,
        headers,
        keepalive,
        redirect: 'manual',
      })
      if (answer.type === 'opaqueredirect' || answer.status === 403) return lose()
      if (!answer.ok) throw answer
      tell(await answer.json())
    } catch {
      unsaved = true
      say(line.dataset.failed)
    }
  }

  function tell({ saved, ended, ifEnded, place, removeHref, left }) {
    if (ended) return end(ended)
    line.dataset.ended = ifEnded
    say(saved)
    remove.hidden = !removeHref
    if (removeHref) remove.href = removeHref
    if (place) history.replaceState(null, '', place)
    if (left) document.dispatchEvent(new CustomEvent('session-kept', { detail: left }))
  }

  /** Somebody ended the session, so nothing can be kept for it; what was saved before is. */
  function lose() {
    form.querySelector('[data-when-ended]').hidden = false
    end(line.dataset.ended)
  }

  /** Nothing more is saved from this page; the text stays on it. */
  function end(words) {
    over = true
    const here = new URL(('posted' in document.documentElement.dataset && document.referrer) || location.href)
    const link = document.createElement('a')
    link.href = `/sign-in?next=${encodeURIComponent(here.pathname + here.search)}`
    link.textContent = line.dataset.signIn
    say(words)
    line.append(' ', link)
  }

  function say(words) {
    if (line.textContent !== words) line.textContent = words
  }
}
