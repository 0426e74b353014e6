/** A look from outside at the processes in which passwords are stretched. Linux only. */
import { readdirSync, readFileSync } from 'node:fs'

/** The processes that `parent` started for this. */
export function stretchingProcesses(parent = process.pid): number[] {
  return numbersIn('/proc').filter((pid) => {
    try {
      return partsOf(`/proc/${pid}/stat`)[1] === String(parent) && /stretch-password-process/.test(commandOf(pid))
    } catch {
      return false // it has ended since
    }
  })
}

/** How nice each thread of a process is: 0 is a usual one's, 19 the lowest. */
export function nicenessOf(pid: number): number[] {
  return numbersIn(`/proc/${pid}/task`).map((thread) => Number(partsOf(`/proc/${pid}/task/${thread}/stat`)[16]))
}

/** Seconds of a core that a process has used so far. */
export function secondsUsedBy(pid: number): number {
  const parts = partsOf(`/proc/${pid}/stat`)
  return (Number(parts[11]) + Number(parts[12])) / 100
}

/** Megabytes of memory that a process holds at the moment. */
export function megabytesOf(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kilobytes ?? 0) / 1024
}

function numbersIn(folder: string) {
  return readdirSync(folder).map(Number).filter(Number.isInteger)
}

/** From the third on (the state); the second is a name that may hold anything. */
function partsOf(file: string) {
  const text = readFileSync(file, 'utf8')
  return text.slice(text.lastIndexOf(')') + 2).split(' ')
}

function commandOf(pid: number) {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
}
