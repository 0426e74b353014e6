/**
 * The master key kept by a key service in the shape of Vault's transit engine. The service makes each version as a data key and opens it again at
 * start; what rests here is only the data keys as the service wrapped them, in a file outside the database. Its key is for Letterlock alone:
 * destroying a version makes everything that the service wrapped before useless.
 */
import type { TransitSettings } from '../config.ts'
import { readKeyFile, writeKeyFile } from './key-file.ts'
import type { KeyProvider } from './key-provider.ts'
import { refuseAnother, refuseTheLast } from './file-key-provider.ts'
import { MasterKeyProblem } from './master-key.ts'

export function transitKeyProvider(settings: TransitSettings): KeyProvider {
  const { path, key: name } = settings
  const wrapped = () => readWrapped(path)

  async function read(): Promise<Map<number, Buffer>> {
    const all = new Map<number, Buffer>()
    for (const [version, ciphertext] of wrapped()) all.set(version, await decrypt(settings, ciphertext))
    return all
  }

  return {
    place: `the key service at ${settings.address} (key ${name}), wrapped in ${path}`,
    read,
    async add(version) {
      const all = wrapped()
      if (all.has(version)) return
      const { plaintext, ciphertext } = await ask(settings, `datakey/plaintext/${name}`, { bits: 256 })
      readKey(plaintext)
      writeWrapped(path, all.set(version, readCiphertext(ciphertext)))
    },
    async putBack(version, key) {
      refuseAnother((await read()).get(version), version, key)
      const all = wrapped()
      if (all.has(version)) return
      const { ciphertext } = await ask(settings, `encrypt/${name}`, { plaintext: key.toString('base64') })
      writeWrapped(path, all.set(version, readCiphertext(ciphertext)))
    },
    async retire(version) {
      const all = wrapped()
      if (all.has(version)) {
        refuseTheLast(all, version)
        const keys = await read()
        all.delete(version)
        keys.delete(version)
        await leaveOut(settings, all, keys)
        refuseChanged(keys, await read(), 'Its earlier versions were not destroyed')
      }
      // As they rest here now: what is not read again may not be what was written.
      const stay = wrapped()
      // Where it goes on from being cut off too: what the service does not open now, it would never open again.
      for (const ciphertext of stay.values()) (await decrypt(settings, ciphertext)).fill(0)
      if (stay.size > 0) await destroyEarlier(settings, stay)
    },
  }
}

/** Wraps what stays under a new version of the service's key, and keeps only that, when it still gives these keys. */
async function leaveOut(settings: TransitSettings, stay: Map<number, string>, keys: ReadonlyMap<number, Buffer>) {
  const { key: name, path } = settings
  await ask(settings, `keys/${name}/rotate`, {})
  for (const [version, ciphertext] of stay)
    stay.set(version, readCiphertext((await ask(settings, `rewrap/${name}`, { ciphertext }))['ciphertext']))
  const again = new Map<number, Buffer>()
  for (const [version, ciphertext] of stay) again.set(version, await decrypt(settings, ciphertext))
  refuseChanged(keys, again, 'Nothing was changed here')
  writeWrapped(path, stay)
}

/** @throws MasterKeyProblem when what stays is not what it was */
function refuseChanged(before: ReadonlyMap<number, Buffer>, after: ReadonlyMap<number, Buffer>, so: string) {
  const changed = [...before].filter(([version, key]) => !after.get(version)?.equals(key))
  if (changed.length > 0)
    throw new MasterKeyProblem(
      `What the key service wrapped anew does not give the same key any more (version ${changed.map(([version]) => version).join(', ')} of the master key). ${so}.`,
    )
}

/**
 * Has the service destroy every version of its key that is older than those which it needs for what stays: a copy of a line that was taken out opens
 * nowhere any more. Asked once more where it was cut off, it goes on.
 */
async function destroyEarlier(settings: TransitSettings, stay: ReadonlyMap<number, string>) {
  const { key: name } = settings
  const oldest = Math.min(...[...stay.values()].map((ciphertext) => Number(/^vault:v(\d+):/.exec(ciphertext)![1])))
  await ask(settings, `keys/${name}/config`, { min_decryption_version: oldest, min_encryption_version: oldest })
  await ask(settings, `keys/${name}/trim`, { min_available_version: oldest })
}

/** A line is `version:` and what the service made of the key. */
function readWrapped(path: string): Map<number, string> {
  const lines = (readKeyFile(path) ?? '').split('\n').filter(Boolean)
  return new Map(
    lines.map((line) => {
      const [, version, ciphertext] = /^(\d{1,9}):(vault:v\d+:[A-Za-z0-9+/=]+)$/.exec(line) ?? []
      if (!version || !ciphertext)
        throw new MasterKeyProblem(
          `The file of the wrapped master key holds a line that is none: ${path}. Put the file back from its copy.`,
        )
      return [Number(version), ciphertext] as const
    }),
  )
}

function writeWrapped(path: string, all: Map<number, string>) {
  const lines = [...all].sort(([a], [b]) => a - b).map(([version, ciphertext]) => `${version}:${ciphertext}\n`)
  writeKeyFile(path, lines.join(''))
}

async function decrypt(settings: TransitSettings, ciphertext: string): Promise<Buffer> {
  return readKey((await ask(settings, `decrypt/${settings.key}`, { ciphertext }))['plaintext'])
}

function readKey(plaintext: unknown): Buffer {
  const key = Buffer.from(typeof plaintext === 'string' ? plaintext : '', 'base64')
  if (key.length !== 32)
    throw new MasterKeyProblem('The key service answered with something that is no key of 256 bits.')
  return key
}

function readCiphertext(ciphertext: unknown): string {
  if (typeof ciphertext === 'string' && /^vault:v\d+:[A-Za-z0-9+/=]+$/.test(ciphertext)) return ciphertext
  throw new MasterKeyProblem('The key service answered with something that is no wrapped key.')
}

const PATIENCE = 10_000

/** One request. What the service says is repeated only where it is one of its own short sentences. */
async function ask(
  { address, mount, token, key }: TransitSettings,
  path: string,
  body: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  const url = `${address}/v1/${mount}/${path}`
  let answer: Response
  let said: { data?: Record<string, unknown> | null; errors?: unknown[] }
  try {
    answer = await fetch(url, {
      method: 'POST',
      headers: { 'X-Vault-Token': token, 'X-Vault-Request': 'true', 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
      // The token goes to nobody but the address of the settings.
      redirect: 'error',
      signal: AbortSignal.timeout(PATIENCE),
    })
    const text = await answer.text()
    said = text ? (JSON.parse(text) as typeof said) : {}
  } catch (error) {
    throw new MasterKeyProblem(`The key service at ${address} gives no answer that can be used (${whyOf(error)}).`)
  }
  if (answer.ok) return said.data ?? {}
  const what = path.split('/')[0]!
  if (answer.status === 403)
    throw new MasterKeyProblem(
      `The key service at ${address} does not let TRANSIT_TOKEN do this: ${mount}/${path}. The token has run out, or its policy lacks that path.`,
    )
  if (answer.status === 404)
    throw new MasterKeyProblem(`The key service at ${address} knows no transit engine at ${mount}, or no key ${key}.`)
  if (answer.status === 503) throw new MasterKeyProblem(`The key service at ${address} is sealed or not ready.`)
  const sentence = [said.errors].flat().find((each) => typeof each === 'string' && KNOWN_SENTENCES.test(each))
  throw new MasterKeyProblem(
    `The key service at ${address} refused to ${what} with key ${key}${typeof sentence === 'string' ? `: ${sentence.trim()}` : ` (${answer.status})`}.`,
  )
}

const KNOWN_SENTENCES =
  /^(encryption key not found|invalid ciphertext: [a-z ]+|cipher: message authentication failed|ciphertext or signature version is disallowed by policy \(too old\)|[a-z ]*key is disabled[a-z ]*)\s*$/

function whyOf(error: unknown): string {
  const { name, cause } = error as { name?: string; cause?: { code?: string; message?: string } }
  if (name === 'TimeoutError') return `none within ${PATIENCE / 1000} seconds`
  if (name === 'SyntaxError') return 'it is not JSON'
  return cause?.code ?? cause?.message ?? 'no connection'
}
