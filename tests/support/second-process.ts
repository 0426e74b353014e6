/** A second process of the same installation, as behind a load balancer. */
import { spawn } from 'node:child_process'
import { freePort } from './free-port.ts'
import { rememberedStretchingFile } from './remembered-stretching.ts'
import { startTestServer, type TestServer } from './server.ts'
import { bareEnvironment, mainFile } from './template.ts'
import { Visitor } from './visitor.ts'

export interface SecondProcess {
  port: number
  stop(): Promise<void>
}

export interface TwoProcesses {
  server: TestServer
  second: SecondProcess
}

export async function startTwoProcesses(): Promise<TwoProcesses> {
  const server = await startTestServer()
  return { server, second: await startSecondProcess(server) }
}

export async function startSecondProcess(server: Pick<TestServer, 'dataDir'>): Promise<SecondProcess> {
  const port = await freePort()
  const env = { ...bareEnvironment(), DATA_DIR: server.dataDir, PORT: String(port), LOG_LEVEL: 'error' }
  const child = spawn(process.execPath, ['--import', rememberedStretchingFile, mainFile], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let told = ''
  child.stderr.on('data', (chunk: Buffer) => (told += chunk.toString()))
  const ended = new Promise<void>((done) => child.on('exit', () => done()))
  await new Promise<void>((done, fail) => {
    child.stdout.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('Letterlock is running')) done()
    })
    child.on('exit', () => fail(new Error(`the second process did not start: ${told}`)))
  })
  return {
    port,
    async stop() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

/** The same browser, asking another process. */
export function onAnother(process: { port: number }, visitor: Visitor): Visitor {
  const same = new Visitor(process)
  for (const [name, value] of visitor.cookies) same.cookies.set(name, value)
  return same
}
