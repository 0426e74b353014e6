/** Webhooks: signed as the specification says, to no private address, and no redirect is followed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { webhookSignature } from '../../server/vault/webhook-signature.ts'
import { isPrivateAddress, postWebhook } from '../../server/web/post-webhook.ts'
import { startWebhookReceiver } from '../alarms/webhook-receiver.ts'

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const message = { id: 'alarm_1', body: '{"test": 2432232314}' }

test('the signature is that of the published example of Standard Webhooks', () => {
  assert.equal(
    webhookSignature(secret, 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1614265330, message.body),
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  )
})

test('no private address is posted to, however it is written, unless the settings allow it', async () => {
  const receiver = await startWebhookReceiver()
  try {
    const port = new URL(receiver.url).port
    for (const host of ['127.0.0.1', 'localhost', '[::1]', '2130706433', '0x7f.1', '[::ffff:127.0.0.1]'])
      await assert.rejects(
        postWebhook({ url: `http://${host}:${port}/`, secret, allowPrivate: false }, message),
        /webhook not taken: private-address/,
        host,
      )
    assert.equal(receiver.received.length, 0)
    await postWebhook({ url: receiver.url, secret, allowPrivate: true }, message)
    assert.equal(receiver.received.length, 1)
    receiver.answers.push(307)
    await assert.rejects(postWebhook({ url: receiver.url, secret, allowPrivate: true }, message), /not taken: 307/)
    assert.equal(receiver.received.length, 2)
  } finally {
    await receiver.stop()
  }
  await assert.rejects(postWebhook({ url: receiver.url, secret, allowPrivate: true }, message), /ECONNREFUSED/)
})

test('which addresses are private', () => {
  for (const address of '10.1.2.3 100.64.0.1 127.9.9.9 169.254.169.254 172.31.0.1 192.168.1.1 0.0.0.0 224.0.0.1 255.255.255.255 ::1 :: fe80::1 fd00::1 ::ffff:10.0.0.1 64:ff9b::a00:1 2002:a00:1::'.split(
    ' ',
  ))
    assert.ok(isPrivateAddress(address), address)
  for (const address of ['8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1111'])
    assert.ok(!isPrivateAddress(address), address)
  assert.ok(isPrivateAddress('no address'))
})
