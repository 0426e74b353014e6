/** What a backup says of itself: one line in clear, and, sealed, its manifest at the beginning and its contents at the end. */
import type { TableOfSnapshot } from './snapshot.ts'

/** The first thing in it. */
export interface Manifest {
  id: string
  madeAt: string
  keptUntil: string | null
  letterlock: string
  /** The changes of the schema that were made, in the order in which they were. */
  migrations: string[]
  partitions: string[]
  tables: TableOfSnapshot[]
}

/** The last thing in it. A backup without it was cut. */
export interface Contents {
  tables: number
  rows: number
  files: number
  /** Of the files. */
  bytes: number
  /** Files that were taken back while the backup was made. */
  swept: string[]
  /** Files that had a row and were not in the store. */
  missing: string[]
}

const FORM = 1
const LONGEST_HEADER = 64

/** `letterlock backup 1, master key 3` and a line's end: which form it has, and which version of the master key opens it. */
export function headerOf(masterKeyVersion: number): Buffer {
  return Buffer.from(`letterlock backup ${FORM}, master key ${masterKeyVersion}\n`)
}

/** @throws Error when it is no backup, or one of a form that this version does not know */
export function readHeader(start: Buffer): { length: number; masterKeyVersion: number } {
  const line = start.subarray(0, LONGEST_HEADER).toString('latin1')
  const [whole, form, version] = /^letterlock backup (\d+), master key (\d+)\n/.exec(line) ?? []
  if (!whole) throw new Error('This is no backup of Letterlock, or its beginning is damaged.')
  if (Number(form) !== FORM) throw new Error(`This backup has a newer form (${form}) than this Letterlock can read.`)
  return { length: whole.length, masterKeyVersion: Number(version) }
}

/** Its line in clear is part of it: another form or another version under the same key does not open. */
export function backupBinding(masterKeyVersion: number): string {
  return `backup/${FORM}/${masterKeyVersion}`
}
