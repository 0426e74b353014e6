// "Show" and "Hide" beside a password; what happened is said aloud, and on sending it is a password again.
for (const button of document.querySelectorAll('[data-reveals]')) {
  const input = document.getElementById(button.dataset.reveals)
  const status = document.getElementById(`${button.dataset.reveals}-shown`)
  button.hidden = false
  button.addEventListener('click', () => {
    show(input.type === 'password')
    status.textContent = input.type === 'password' ? button.dataset.hidden : button.dataset.shown
  })
  input.form.addEventListener('submit', () => show(false))

  function show(visible) {
    input.type = visible ? 'text' : 'password'
    button.textContent = visible ? button.dataset.hide : button.dataset.show
  }
}
