// Sends large files in pieces while the message is still being written: with progress, a pause, and without beginning anew after a lost line. The
// form waits for them when it is sent. Loaded only when somebody chooses a large file; without scripts the form carries every file by itself.
const WAITS = [1, 2, 4, 8, 15, 30, 30, 30, 30, 30]
/** A piece that took less than this is followed by a longer one. */
const QUICK = 1000

/** Files under way or stopped, by their form. */
const unfinished = new Map()
/** Forms that were sent too early, and by which button. */
const waiting = new Map()

document.addEventListener('submit', hold, true)
addEventListener('beforeunload', (event) => {
  if ([...unfinished.values()].some((uploads) => uploads.size > 0)) event.preventDefault()
})
// The file is nowhere but on this page: it stays, and says what to do.
document.addEventListener('session-end', (event) => {
  for (const upload of [...unfinished.values()].flatMap((uploads) => [...uploads])) {
    event.preventDefault()
    upload.signedOut()
  }
})

/** @returns the row's part of it, and what takes it back */
export function sendInPieces(file, place, say) {
  const form = place.closest('form')
  const words = place.parentElement.querySelector('[data-sending]').dataset
  const box = document.createElement('div')
  const bar = document.createElement('progress')
  const line = document.createElement('span')
  const pause = document.createElement('button')
  const sent = document.createElement('input')
  let id
  let step
  let most
  let length
  let offset = 0
  let told = 0
  let running = true
  let over = false
  let stop = new AbortController()
  let wake = () => {}

  box.className = 'actions'
  bar.max = 100
  bar.value = 0
  bar.setAttribute('aria-label', file.name)
  line.className = 'quiet'
  pause.type = 'button'
  pause.className = 'quiet-button'
  pause.addEventListener('click', () => (running ? halt(fill(words.paused)) : go()))
  sent.type = 'hidden'
  sent.name = 'uploaded'
  box.append(bar, line, pause)

  const upload = { signedOut, isRunning: () => running, tell: () => pause.focus() }
  const others = unfinished.get(form) ?? new Set()
  unfinished.set(form, others.add(upload))
  addEventListener('online', () => wake())
  go()
  return { box, remove }

  async function go() {
    running = true
    stop = new AbortController()
    label(words.pause)
    show()
    try {
      await send()
    } catch (error) {
      if (!over && error?.name !== 'AbortError') halt(error?.words ?? words.stopped, error?.link)
    }
  }

  async function send() {
    while (!id) await trying(begin)
    while (offset < file.size) await trying(piece)
    while (running) if (await trying(finish)) return
  }

  /** Again after a while when the line is lost, each time where the server says that it stands. */
  async function trying(work) {
    for (const wait of [...WAITS, undefined]) {
      try {
        return await work()
      } catch (error) {
        if (error?.words || error?.name === 'AbortError' || wait === undefined) throw error
        line.textContent = words.offline
        await new Promise((done, fail) => {
          wake = done
          setTimeout(done, wait * 1000)
          stop.signal.addEventListener('abort', () => fail(stop.signal.reason))
        })
        await where().catch((problem) => {
          if (problem?.words || problem?.name === 'AbortError') throw problem
        })
      }
    }
  }

  async function begin() {
    const begun = await ask('/uploads', { method: 'POST', body: fields({ name: file.name, size: file.size }) })
    ;({ id, step, most, step: length } = begun)
  }

  async function piece() {
    const from = Date.now()
    const body = file.slice(offset, offset + length)
    const kept = await ask(`/uploads/${id}`, { method: 'PATCH', body, headers: { 'upload-offset': offset } })
    if (Date.now() - from < QUICK) length = Math.min(2 * length, most)
    else if (Date.now() - from > 5 * QUICK) length = Math.max(step, step * Math.floor(length / step / 2))
    stand(kept)
  }

  async function finish() {
    const { wait, offset: before } = await ask(`/uploads/${id}/finish`, { method: 'POST', body: fields({}) })
    if (before !== undefined) throw { words: words.stopped }
    if (wait) return void (await new Promise((done) => setTimeout(done, 2000)))
    end()
    sent.value = id
    form.append(sent)
    line.textContent = words.here
    pause.remove()
    say([fill(words.done)])
    // The page saves by itself now, and the file is part of the draft.
    form.dispatchEvent(new Event('input'))
    if (others.size === 0 && waiting.has(form)) form.requestSubmit(waiting.get(form))
    return true
  }

  async function where() {
    if (id) stand(await ask(`/uploads/${id}`, {}))
  }

  function stand({ offset: at, done, left }) {
    offset = done ? file.size : at
    if (left) document.dispatchEvent(new CustomEvent('session-kept', { detail: left }))
    show()
  }

  async function ask(path, { headers, ...how }, again = true) {
    const token = form.elements._csrf.value
    const asking = { ...how, headers: { accept: 'application/json', 'x-form-token': token, ...headers } }
    const answer = await fetch(path, { ...asking, redirect: 'manual', signal: stop.signal })
    if (answer.type === 'opaqueredirect' || answer.status === 403) {
      if (again && id && (await takeToken())) return ask(path, { headers, ...how }, false)
      throw { words: words.signedOut, link: true }
    }
    if (answer.ok || answer.status === 409) return answer.json()
    if (answer.status === 422) throw { words: (await answer.json()).problem }
    if (answer.status < 500 && answer.status !== 408 && answer.status !== 429) throw { words: words.stopped }
    throw answer
  }

  /** Somebody who has signed in again in another window goes on with the token of the new session, and so does the form. */
  async function takeToken() {
    const answer = await fetch(`/uploads/${id}`, { headers: { accept: 'application/json' }, redirect: 'manual' })
    if (!answer.ok) return false
    const { token } = await answer.json()
    for (const field of document.querySelectorAll('input[name=_csrf]')) field.value = token
    return true
  }

  function fields(values) {
    return new URLSearchParams({ _csrf: form.elements._csrf.value, ...values })
  }

  function show() {
    const percent = Math.floor((100 * offset) / file.size)
    bar.value = percent
    line.textContent = `${percent} %`
    if (percent < told + 10 && percent !== 100) return
    told = percent - (percent % 10)
    if (told > 0) say([fill(words.progress)])
  }

  function halt(text, link) {
    running = false
    stop.abort()
    label(words.resume)
    line.textContent = text
    if (link) line.append(' ', signInLink())
    say([text])
  }

  function signedOut() {
    halt(words.signedOut, true)
  }

  function signInLink() {
    const link = document.createElement('a')
    link.href = '/sign-in'
    link.target = '_blank'
    link.rel = 'noopener'
    link.textContent = words.signIn
    return link
  }

  function label(text) {
    const whose = document.createElement('span')
    whose.className = 'unseen'
    whose.textContent = ` ${file.name}`
    pause.replaceChildren(text, whose)
  }

  function end() {
    running = false
    over = true
    others.delete(upload)
  }

  function remove() {
    end()
    stop.abort()
    sent.remove()
    const headers = { 'x-form-token': form.elements._csrf.value }
    if (id) fetch(`/uploads/${id}`, { method: 'DELETE', headers, redirect: 'manual' }).catch(() => {})
  }

  function fill(text) {
    return text.replace('{name}', () => file.name).replace('{percent}', String(Math.floor((100 * offset) / file.size)))
  }
}

/** A form with files under way is sent when they are there, and not at all while one stands still. */
function hold(event) {
  const form = event.target
  const uploads = [...(unfinished.get(form) ?? [])]
  if (uploads.length === 0) return void waiting.delete(form)
  event.preventDefault()
  event.stopPropagation()
  const status = form.querySelector('[data-files] [role=status]')
  const words = form.querySelector('[data-sending]')
  const still = uploads.find((upload) => !upload.isRunning())
  if (!still) waiting.set(form, event.submitter)
  words.textContent = status.textContent = still ? words.dataset.notYet : words.dataset.wait
  words.hidden = false
  still?.tell()
}
