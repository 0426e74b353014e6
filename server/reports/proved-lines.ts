/**
 * Events with their proofs, one JSON object a line: first the checkpoint that all of them are proved against and the key that it is signed with, then
 * each event as its leaf has it, with the hashes beside its way to the root, then proofs that earlier checkpoints are of the same log. It is only a part
 * of the log, and still each line of it can be checked offline. docs/access-log.md describes it; scripts/verify-log.mjs checks it.
 */
import { leafFields, leafOf } from '../audit/leaf.ts'
import { letAllHavePlaces } from '../audit/let-all-have-places.ts'
import {
  findLastCheckpoint,
  listCheckpoints,
  listLeavesOf,
  nodesOfTiles,
  type Checkpoint,
} from '../audit/log-proof.store.ts'
import { consistencyProof, inclusionProof, isConsistent, leafHash } from '../audit/merkle-tree.ts'
import { logKeyName, logVerifier } from '../audit/sign-checkpoint.ts'
import { signOrTell } from '../audit/sign-or-tell.ts'
import { Unavailable } from '../errors.ts'
import { t } from '../web/page.ts'
import type { ExportFilter } from './export.ts'
import { factsOf, inOneLine } from './filter-in-words.ts'
import { actorOf, subjectOf } from './sheet-of-events.ts'
import { countToldEvents, toldEvents, type ToldEvent } from './told-events.ts'

/** The log as it is is not what was signed, so there is nothing to prove it against. */
export class NotSigned extends Error {}

/** @param filter ends at a moment that has been @throws NotSigned */
export async function* provedLines(
  filter: ExportFilter & { to: Date },
  written: { rows: number; expected: number | undefined },
): AsyncGenerator<Buffer> {
  const checkpoint = await signUpTo(filter.to)
  written.expected = await countToldEvents(filter)
  yield line({
    format: 'letterlock-events-1',
    log: await logKeyName(),
    key: await logVerifier(),
    checkpoint: checkpoint.note,
    filter: inOneLine(await factsOf(filter)),
  })
  for await (const events of toldEvents(filter)) {
    yield Buffer.concat(await linesOf(events, checkpoint))
    written.rows += events.length
  }
  yield* earlierCheckpoints(checkpoint)
  yield line({ events: written.rows })
}

/** Every event up to then has its place, and the tree with it is signed. */
async function signUpTo(moment: Date): Promise<Checkpoint> {
  if ((await letAllHavePlaces(moment)) > 0) throw new Unavailable('events have no place in the log yet')
  const refused = await signOrTell()
  if (refused) throw new NotSigned(refused)
  return (await findLastCheckpoint())!
}

/** Hashes of the tree are read anew for each page, so that no more of them is held than one page needs. */
async function linesOf(events: readonly ToldEvent[], { size }: Checkpoint): Promise<Buffer[]> {
  const leaves = await listLeavesOf(events.map(({ id }) => id))
  const byId = new Map(leaves.map((leaf) => [leaf.event.id, leaf]))
  const read = nodesOfTiles()
  return Promise.all(
    events.map(async (event) => {
      const there = byId.get(event.id)
      // Not written by the way on which events are written: said as it is, and the verifier says so too.
      if (!there || there.leaf >= size) return line({ stray: event.id, at: event.at })
      const { leaf, detailsNow } = there
      const proof = await inclusionProof(leaf, size, read)
      return line({
        leaf,
        hash: leafHash(leafOf(there.event)).toString('base64'),
        event: leafFields(there.event),
        details: detailsNow?.toString('base64') ?? null,
        proof: proof.map((hash) => hash.toString('base64')),
        says: saysOf(event),
      })
    }),
  )
}

/** For people who read it. What the sealed details say no checkpoint can prove: the leaf has the digest of the sealed bytes. */
function saysOf(event: ToldEvent) {
  const { address, userAgent, reason, said, found, session, times } = event.details
  const subject = subjectOf(event)
  return {
    who: actorOf(event),
    what: t(`reports:acts.${event.act}`),
    ...(subject ? { subject } : {}),
    ...(reason ? { reason } : {}),
    ...(said ? { said } : {}),
    ...(found ? { found } : {}),
    ...(times ? { times } : {}),
    ...(address ? { address } : {}),
    ...(userAgent ? { userAgent } : {}),
    ...(session ? { session } : {}),
  }
}

/** One a day, the last of it, and those of the last two days: whoever kept one of these can hold this part of the log against it. */
async function* earlierCheckpoints(last: Checkpoint): AsyncGenerator<Buffer> {
  const all = (await listCheckpoints()).filter(({ size }) => size > 0 && size < last.size)
  const lastOfDay = new Map(all.map((each) => [each.signedAt.toISOString().slice(0, 10), each]))
  const kept = new Set([...lastOfDay.values(), ...all.filter(({ signedAt }) => +last.signedAt - +signedAt < TWO_DAYS)])
  const read = nodesOfTiles()
  for (const { size, root, note } of kept) {
    const proof = await consistencyProof(size, last.size, read)
    // One from before an older database came back is of a log that this one does not contain.
    if (!isConsistent(size, last.size, root, last.root, proof)) continue
    yield line({ checkpoint: note, consistency: proof.map((hash) => hash.toString('base64')) })
  }
}

const TWO_DAYS = 2 * 24 * 60 * 60 * 1000

function line(said: object): Buffer {
  return Buffer.from(`${JSON.stringify(said)}\n`)
}
