// Lists the chosen files under the input, lets each be taken out again, and takes files that are dropped. The input itself stays and works;
// choosing again adds instead of replacing. Large files are sent at once, in pieces, by a script of their own.
const LARGE = 5_000_000

for (const place of document.querySelectorAll('[data-files]')) {
  const input = place.querySelector('input')
  const list = place.querySelector('.picked')
  const status = place.querySelector('[role=status]')
  const words = place.dataset
  const sending = new Map()
  let files = []

  place.querySelector('.or-drop').hidden = false
  input.addEventListener('change', () => add(input.files))
  place.addEventListener('dragover', (event) => {
    event.preventDefault()
    place.classList.add('over')
  })
  place.addEventListener('dragleave', () => place.classList.remove('over'))
  place.addEventListener('drop', (event) => {
    event.preventDefault()
    place.classList.remove('over')
    add(event.dataTransfer.files)
  })
  // A page that comes back by "Back" keeps its input.
  if (input.files.length > 0) add(input.files)

  function add(more) {
    const added = [...more].filter((file) => !files.some((old) => old.name === file.name && old.size === file.size))
    files = [...files, ...added]
    for (const file of added) if (file.size > LARGE && !problemOf(file, files.indexOf(file))) send(file)
    show()
    say(added.map((file) => fill(words.wasAdded, file)))
  }

  async function send(file) {
    sending.set(file, { remove() {} })
    const { sendInPieces } = await import('./upload-pieces.js')
    if (!files.includes(file)) return
    sending.set(file, sendInPieces(file, place, say))
    show()
  }

  function remove(file) {
    const at = files.indexOf(file)
    sending.get(file)?.remove()
    sending.delete(file)
    files = files.filter((other) => other !== file)
    show()
    say([fill(words.wasRemoved, file)])
    const next = list.querySelectorAll('button')[Math.min(at, files.length - 1)]
    ;(next ?? input).focus()
  }

  function show() {
    const chosen = new DataTransfer()
    for (const file of files) if (!sending.has(file)) chosen.items.add(file)
    input.files = chosen.files
    list.hidden = files.length === 0
    list.replaceChildren(...files.map(row))
  }

  function row(file, at) {
    const item = document.createElement('li')
    const button = element('button', words.remove, 'quiet-button')
    button.type = 'button'
    button.append(element('span', ` ${file.name}`, 'unseen'))
    button.addEventListener('click', () => remove(file))
    const name = element('span', `${file.name} `, 'name')
    name.dir = 'auto'
    name.append(element('span', size(file.size), 'quiet'))
    item.append(name, button)
    const problem = problemOf(file, at)
    if (problem) item.append(element('p', problem, 'error'))
    const { box } = sending.get(file) ?? {}
    if (box) item.append(box)
    return item
  }

  function problemOf(file, at) {
    if (file.size === 0) return words.empty
    if (file.size > Number(words.bytes)) return words.tooBig
    return at >= Number(words.most) ? words.tooMany : ''
  }

  function say(lines) {
    const problems = files.map(problemOf).filter(Boolean)
    status.textContent = [...lines, ...problems].join('. ')
  }
}

function element(name, text, className) {
  const made = document.createElement(name)
  made.textContent = text
  made.className = className
  return made
}

function fill(words, file) {
  return words.replace('{name}', () => file.name).replace('{size}', () => size(file.size))
}

function size(bytes) {
  if (bytes < 1000) return `${bytes} bytes`
  if (bytes < 1_000_000) return `${Math.round(bytes / 1000)} KB`
  return bytes < 1_000_000_000 ? `${(bytes / 1_000_000).toFixed(1)} MB` : `${(bytes / 1_000_000_000).toFixed(1)} GB`
}
