/** Keeps others from looking into the memory of a process in which keys are. */
import { writeFileSync } from 'node:fs'

export function closeProcess(): void {
  // Node would open its debugger at this signal, to everybody on the machine.
  process.on('SIGUSR1', () => {})
  try {
    // A core dump says where it fell and holds none of the memory, core(5). The programs that are started later inherit it.
    writeFileSync('/proc/self/coredump_filter', '0')
  } catch {
    // Elsewhere than on Linux the limit of core dumps is the system's to set: docs/install.md.
  }
}
