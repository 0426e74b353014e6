// Copies a key or codes. Where the browser has no clipboard for us the button stays away, and the text can be selected.
for (const button of navigator.clipboard ? document.querySelectorAll('[data-copies]') : []) {
  const status = button.parentElement.querySelector('[role=status]')
  button.hidden = false
  button.addEventListener('click', async () => {
    const from = document.getElementById(button.dataset.copies)
    const text = (from.value ?? from.innerText).trim()
    await navigator.clipboard.writeText('joined' in button.dataset ? text.replace(/\s+/g, '') : text)
    status.textContent = button.dataset.copied
    setTimeout(() => (status.textContent = ''), 4000)
  })
}
