/** The signature of Standard Webhooks 1.0 (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md), symmetric: v1. */
import { createHmac } from 'node:crypto'

/** @param secret `whsec_` and 24 to 64 bytes in base64 @param seconds since 1970 @returns the value of `webhook-signature` */
export function webhookSignature(secret: string, id: string, seconds: number, body: string): string {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
  return `v1,${createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64')}`
}
