import assert from 'node:assert/strict'
import { test } from 'node:test'

process.env['TIME_ZONE'] = 'America/New_York'
const { clock24, clockTime, dayAndTime, exact, inShort, inWords, sizeInWords } =
  await import('../../server/lib/dates.ts')

/** A Tuesday afternoon in New York, five hours behind UTC. */
const tuesday = new Date('2026-11-17T19:02:11.123Z')
const after = (hours: number) => new Date(tuesday.getTime() + hours * 60 * 60 * 1000)

test('a moment is told in words in the zone of the organisation, and in UTC for machines', () => {
  assert.deepEqual(inWords(tuesday, after(1)), {
    text: 'Tuesday 17 November, 2:02 pm',
    iso: '2026-11-17T19:02:11.123Z',
  })
  assert.equal(inWords(tuesday, after(24 * 60)).text, 'Tuesday 17 November 2026, 2:02 pm')
  assert.equal(clockTime(tuesday), '2:02 pm')
  assert.equal(clock24(tuesday), '14:02')
  assert.equal(exact(tuesday), '2026-11-17 14:02:11')
})

test('in short it is the clock today, the weekday within the week, then the day, then the year', () => {
  assert.equal(inShort(tuesday, after(1)).text, '2:02 pm')
  assert.equal(inShort(tuesday, after(24)).text, 'Tue 2:02 pm')
  assert.equal(inShort(tuesday, after(5 * 24)).text, 'Tue 2:02 pm')
  assert.equal(inShort(tuesday, after(7 * 24)).text, '17 Nov')
  assert.equal(inShort(tuesday, after(60 * 24)).text, '17 Nov 2026')
  assert.equal(inShort(tuesday, after(24)).iso, tuesday.toISOString())
})

test('a receipt has the weekday, after a week the day too', () => {
  assert.equal(dayAndTime(tuesday, after(1)).text, 'Tue 2:02 pm')
  assert.equal(dayAndTime(tuesday, after(1), clock24).text, 'Tue 14:02')
  assert.equal(dayAndTime(tuesday, after(10 * 24)).text, 'Tue 17 Nov 2:02 pm')
})

test('midnight, noon and the days on which clocks change are told right', () => {
  assert.equal(clockTime(new Date('2026-11-17T05:00:00Z')), '12:00 am')
  assert.equal(clockTime(new Date('2026-11-17T17:00:00Z')), '12:00 pm')
  assert.equal(exact(new Date('2026-11-17T05:00:00Z')), '2026-11-17 00:00:00')
  // Both half past ones of the first of November: summer time ends at two.
  assert.equal(exact(new Date('2026-11-01T05:30:00Z')), '2026-11-01 01:30:00')
  assert.equal(exact(new Date('2026-11-01T06:30:00Z')), '2026-11-01 01:30:00')
  // The eighth of March has no half past two.
  assert.equal(exact(new Date('2026-03-08T06:59:59Z')), '2026-03-08 01:59:59')
  assert.equal(exact(new Date('2026-03-08T07:00:00Z')), '2026-03-08 03:00:00')
  // Another day there than in UTC.
  assert.equal(
    inWords(new Date('2026-01-01T03:00:00Z'), new Date('2026-01-01T12:00:00Z')).text,
    'Wednesday 31 December 2025, 10:00 pm',
  )
})

test('sizes are told as phones tell them', () => {
  for (const [bytes, words] of [
    [0, '0 bytes'],
    [999, '999 bytes'],
    [1000, '1 KB'],
    [184_320, '184 KB'],
    [2_100_000, '2.1 MB'],
    [26_214_400, '26.2 MB'],
  ] as const)
    assert.equal(sizeInWords(bytes), words)
})
