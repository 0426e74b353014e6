// A form that was sent is not sent again by a second press. Coming back by "Back" frees it, and so does a while without an answer.
const FREE_AFTER = 10_000

document.addEventListener('submit', (event) => {
  const form = event.target
  if (form.dataset.sent) return event.preventDefault()
  mark(form, true)
  setTimeout(() => mark(form, false), FREE_AFTER)
})

addEventListener('pageshow', () => {
  for (const form of document.forms) mark(form, false)
})

// The buttons stay enabled: a disabled one would take its name and value out of what is sent.
function mark(form, sent) {
  if (sent) form.dataset.sent = 'yes'
  else delete form.dataset.sent
  for (const button of form.querySelectorAll('button:not([type=button])'))
    button.setAttribute('aria-disabled', String(sent))
}
