/** The program: starts Letterlock, says where it is, and stops it cleanly. */
const [major, minor] = process.versions.node.split('.').map(Number) as [number, number]
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`Letterlock needs Node.js 20.19 or later (24 LTS is best). This is ${process.version}.\n`)
  process.exit(1)
}

const say = (line: string) => process.stdout.write(`${line}\n`)
process.on('unhandledRejection', (reason) =>
  process.emitWarning(`A promise was left alone: ${(reason as Error | undefined)?.name ?? 'unknown'}`),
)

try {
  // Loaded only now, so that an older Node gets the sentence above and not a syntax error; and the settings before all that asks for them.
  const { config } = await import('./config.ts')
  const { closeProcess } = await import('./lib/closed-process.ts')
  if (config().production) closeProcess()
  const { start } = await import('./start.ts')
  if (major < 22) say('This version of Node.js no longer gets security updates. Node.js 24 LTS is recommended.')
  const running = await start(say)
  let stopping = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      if (stopping) return
      stopping = true
      running.stop().then(
        () => process.exit(0),
        () => process.exit(1),
      )
    })
  say(`\nLetterlock is running at ${running.baseUrl}`)
} catch (error) {
  // Our own sentences say what to do; a stack would hide them.
  process.stderr.write(`${(error as Error).message}\n`)
  process.exit(1)
}
