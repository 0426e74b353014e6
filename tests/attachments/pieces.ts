/** Sends a file in pieces, as a page's script does. */
import assert from 'node:assert/strict'
import type { Answer, Visitor } from '../support/visitor.ts'

export const ROOM = 262144 - 32

export interface Sender {
  visitor: Visitor
  token: string
  origin: string
}

/** @param page one with a form */
export async function senderOn(visitor: Visitor, page: string, origin: string): Promise<Sender> {
  return { visitor, origin, token: await visitor.tokenOn(page) }
}

export function begin(sender: Sender, name: string, size: number): Promise<Answer> {
  return post(sender, '/uploads', { name, size: String(size) })
}

export async function begun(sender: Sender, name: string, size: number): Promise<string> {
  const answer = await begin(sender, name, size)
  assert.equal(answer.status, 201, answer.body)
  return (JSON.parse(answer.body) as { id: string }).id
}

export function sendPiece(
  { visitor, token, origin }: Sender,
  id: string,
  offset: number,
  body: Buffer,
): Promise<Answer> {
  return visitor.ask(`/uploads/${id}`, {
    method: 'PATCH',
    headers: {
      origin,
      'x-form-token': token,
      'upload-offset': String(offset),
      'content-type': 'application/octet-stream',
      'content-length': String(body.length),
    },
    body,
  })
}

export function finish(sender: Sender, id: string): Promise<Answer> {
  return post(sender, `/uploads/${id}/finish`, {})
}

export function takeBack({ visitor, token, origin }: Sender, id: string): Promise<Answer> {
  return visitor.ask(`/uploads/${id}`, { method: 'DELETE', headers: { origin, 'x-form-token': token } })
}

/** The whole of it; `pieces` segments at a time. @returns its id */
export async function sendInPieces(sender: Sender, name: string, bytes: Buffer, pieces = 1): Promise<string> {
  const id = await begun(sender, name, bytes.length)
  for (let offset = 0; offset < bytes.length; offset += pieces * ROOM) {
    const answer = await sendPiece(sender, id, offset, bytes.subarray(offset, offset + pieces * ROOM))
    assert.equal(answer.status, 200, answer.body)
  }
  return id
}

function post({ visitor, token, origin }: Sender, path: string, fields: Record<string, string>): Promise<Answer> {
  return visitor.ask(path, {
    method: 'POST',
    headers: { origin, 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    body: new URLSearchParams({ _csrf: token, ...fields }).toString(),
  })
}
