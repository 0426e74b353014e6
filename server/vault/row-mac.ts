/**
 * The MAC by which a row that decides about a sign-in is known as written here: whoever only writes the database cannot make one. It covers the
 * row's table, its key and everything of it that decides and is not an envelope.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { rowKey } from './vault.ts'

type Field = string | number | boolean | Buffer | Date | null

/** 32 bytes. @param fields always the same ones in the same order */
export function rowMac(table: string, fields: readonly Field[]): Buffer {
  const text = JSON.stringify([
    table,
    ...fields.map((field) => (Buffer.isBuffer(field) ? field.toString('hex') : field)),
  ])
  return createHmac('sha256', rowKey()).update(text).digest()
}

/** Also false for a row that has none. */
export function isRowMac(table: string, fields: readonly Field[], mac: Buffer | null | undefined): boolean {
  const expected = rowMac(table, fields)
  return mac?.length === expected.length && timingSafeEqual(mac, expected)
}
