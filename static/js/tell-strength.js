// Says in words how hard a new password is to guess, when the typing pauses: by its length and by simple repeats. The server looks closer.
const WAIT = 700
const SHORTEST = 12
const LONGEST = 128
const STRONG = 18

for (const status of document.querySelectorAll('[data-tells-strength]')) {
  const input = document.getElementById(status.dataset.tellsStrength)
  let timer
  input.addEventListener('input', () => {
    clearTimeout(timer)
    timer = setTimeout(() => (status.textContent = tell(input.value.normalize('NFC'), status.dataset)), WAIT)
  })
}

function tell(password, words) {
  const length = [...password].length
  if (length === 0) return ''
  if (length === SHORTEST - 1) return words.shortOne
  if (length < SHORTEST) return words.short.replace('{n}', SHORTEST - length)
  if (length > LONGEST) return words.long.replace('{n}', length - LONGEST)
  const left = [...password.toLowerCase().replace(/(.{1,16}?)\1+/gsu, '$1')].length
  if (left < 6) return words.simple
  return left < STRONG ? words.good : words.strong
}
