// Says how many characters are left, once three quarters are used. The server counts too.
const WAIT = 600

for (const area of document.querySelectorAll('textarea[data-limit]')) {
  const limit = Number(area.dataset.limit)
  const status = document.getElementById(`${area.id}-count`)
  let timer
  area.addEventListener('input', () => {
    clearTimeout(timer)
    timer = setTimeout(tell, WAIT)
  })
  tell()

  function tell() {
    const left = limit - [...area.value].length
    const words = left < 0 ? area.dataset.over : left <= limit / 4 ? area.dataset.left : ''
    status.textContent = words.replace('{n}', Math.abs(left).toLocaleString(document.documentElement.lang))
    status.classList.toggle('over', left < 0)
  }
}
