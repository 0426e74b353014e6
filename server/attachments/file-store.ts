/**
 * Where ciphertext rests, by name: a folder or an S3-compatible store, behind one interface. Nothing clear and no key comes this far; whether
 * the bytes are the right ones is found out by whoever unseals them. A name is an id, or an id with a number behind it for the pieces of an
 * upload that goes on later.
 */
import type { Readable } from 'node:stream'
import { isId } from '../lib/ids.ts'

export interface FileStore {
  /**
   * Keeps `bytes` under `name`, in place of what was there. Whole and safe from a crash when it resolves; whatever fails leaves nothing of it
   * under the name and has ended `bytes`. @throws NoRoom, Unavailable, or the error of `bytes`
   */
  write(name: string, bytes: Readable): Promise<void>
  /**
   * The bytes from place `from` up to, but without, place `to`. A store that is away, and a file that is not there, are told before the first
   * byte; a stream that then fails ends with an error. @throws FileMissing, Unavailable
   */
  read(name: string, from?: number, to?: number): Promise<Readable>
  /** How many bytes rest under the name, or undefined when there is no such name. @throws Unavailable */
  size(name: string): Promise<number | undefined>
  /** Removing what is not there is no error, so that a sweep can be repeated. @throws Unavailable */
  remove(name: string): Promise<void>
  /** Every whole file, in no order. What comes or goes meanwhile may show or not. @throws Unavailable */
  list(): AsyncIterable<StoredFile>
  /** Takes away what was begun before this time and never became whole, because its process was killed. @throws Unavailable */
  removeHalves(before: Date): Promise<void>
}

export interface StoredFile {
  name: string
  writtenAt: Date
}

/** There is no file under this name, although something says that there should be. */
export class FileMissing extends Error {
  override name = 'FileMissing'
  constructor() {
    super('there is no such file')
  }
}

/** Says which store this process uses. To be called once at the start. */
export function configureFileStore(store: FileStore): void {
  current = store
}

export function fileStore(): FileStore {
  if (!current) throw new Error('configureFileStore has not been called')
  return current
}

/** Nothing but an id, or an id with a number, becomes a path or a key. */
export function isFileName(text: string): boolean {
  return isId(text.slice(0, ID_LENGTH)) && /^(\.\d{1,6})?$/.test(text.slice(ID_LENGTH))
}

/** The id in a file's name: of the attachment, the preview or the upload that the bytes belong to. */
export function idInName(name: string): string {
  return name.slice(0, ID_LENGTH)
}

const ID_LENGTH = 36
let current: FileStore | undefined
