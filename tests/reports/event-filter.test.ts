/** Which acts are looked for together. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ACTS } from '../../server/audit/acts.ts'
import { ACT_GROUPS, actsOf } from '../../server/reports/event-filter.ts'

test('every act of the access log is in a group, and every group has acts', () => {
  const grouped = new Set(ACT_GROUPS.flatMap(actsOf))
  assert.deepEqual(
    ACTS.filter((act) => !grouped.has(act)),
    [],
  )
  for (const group of ACT_GROUPS) assert.ok(actsOf(group).length > 1, group)
})

test('what somebody was refused because it is not theirs, or because a proof was wrong, is among the refusals', () => {
  const refusals = actsOf('refusals')
  const ofOurselves = ['envelope.refused', 'log.refused', 'ledger.refused', 'setup.mail-refused']
  assert.deepEqual(
    ACTS.filter((act) => act.endsWith('refused') && !ofOurselves.includes(act) && !refusals.includes(act)),
    [],
  )
})
