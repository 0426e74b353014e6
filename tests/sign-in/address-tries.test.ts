/** Under which name network addresses are counted. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isNetwork, networkOf } from '../../server/lib/network.ts'

test('an IPv6 address is counted by its first 64 bits, however it is written', () => {
  for (const address of [
    '2001:db8:1:2::1',
    '2001:db8:1:2:ffff:ffff:ffff:ffff',
    '2001:0DB8:0001:0002::',
    '2001:db8:1:2::1%eth0',
    '2001:db8:1:2:0:0:10.0.0.1',
  ])
    assert.equal(networkOf({ address }), '2001:db8:1:2::/64', address)
  for (const address of ['2001:db8:1:3::1', '2001:db8:1::2:1', '2001:db8::1:2:3:4', '::1', 'fe80::1%eth0'])
    assert.notEqual(networkOf({ address }), '2001:db8:1:2::/64', address)
  assert.equal(networkOf({ address: '2001:db8::1' }), '2001:db8:0:0::/64')
})

test('an IPv4 address counts as itself, also when it is written as IPv6', () => {
  for (const address of ['192.0.2.7', '::ffff:192.0.2.7', '::FFFF:c000:207', '0:0:0:0:0:ffff:192.0.2.7'])
    assert.equal(networkOf({ address }), '192.0.2.7', address)
  assert.notEqual(networkOf({ address: '::ffff:192.0.2.8' }), '192.0.2.7')
  assert.equal(networkOf({}), '')
  for (const network of ['2001:db8:1:2::/64', '2001:DB8:1:2:0::/64']) {
    assert.equal(networkOf({ address: network }), '2001:db8:1:2::/64', network)
    assert.ok(isNetwork(network), network)
  }
  assert.ok(isNetwork('192.0.2.7') && isNetwork('2001:db8::1'))
  for (const text of ['', 'the ward', '192.0.2.7/64', '2001:db8::/48', '/64']) assert.ok(!isNetwork(text), text)
})
