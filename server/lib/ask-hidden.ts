/** A line that somebody types at the terminal, without showing it. */
const END = /[\r\n\u0004]/

/** What was typed, or pasted, ahead. */
let ahead = ''

/** @throws Error when nobody is there, or they pressed Ctrl-C */
export function askHidden(question: string): Promise<string> {
  const { stdin, stderr } = process
  if (!stdin.isTTY) throw new Error('Nobody is there to be asked for the passphrase: use --passphrase-file FILE.')
  // Before anybody is asked: what is typed the moment after would be shown.
  stdin.setRawMode(true)
  stderr.write(question)
  stdin.setEncoding('utf8')
  return new Promise((done, fail) => {
    let typed = ''
    const end = (settle: () => void) => {
      stdin.off('data', take)
      stdin.setRawMode(false)
      stdin.pause()
      stderr.write('\n')
      settle()
    }
    function take(chunk: string) {
      ahead += chunk
      while (ahead !== '') {
        const [letter] = [...ahead] as [string]
        ahead = ahead.slice(letter.length)
        if (letter === '\u0003') return end(() => fail(new Error('Stopped. Nothing was changed.')))
        if (END.test(letter)) return end(() => done(typed))
        typed = letter === '\u007f' || letter === '\b' ? [...typed].slice(0, -1).join('') : typed + letter
      }
    }
    stdin.on('data', take)
    stdin.resume()
    take('')
  })
}
