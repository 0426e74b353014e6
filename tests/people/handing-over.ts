/** A leaver's own conversations go to a team or a colleague: who reads and answers afterwards, and who no longer does. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { answerTo, enrol, everybodyIn, linkIn, mailsTo, writeTo } from '../support/letters.ts'
import { startTestServer, startTestServerSealed, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'
import { plain, signedIn, type Visitor } from '../support/visitor.ts'

export function testHandingOver(mode: 'managed' | 'sealed') {
  describe(`In ${mode} mode`, () => {
    let server: TestServer
    let ada: Visitor
    let maria: Visitor
    let leaver: Visitor
    let sam: Visitor
    let account: string
    let eyes: string
    let message: string

    before(async () => {
      server = await (mode === 'managed' ? startTestServer() : startTestServerSealed())
      const { cast } = server
      ;({ ada, maria, sam } = await everybodyIn(server, { ada: cast.ada, maria: cast.maria, sam: cast.sam }))
      const email = 'leo@riverside.example'
      const invite = { name: 'Leo Leaver (fictitious)', email, role: 'provider', team: '', newTeam: 'Eye clinic' }
      account = (await ada.submit('/admin/people/invite', '/admin/people/invite', invite)).location.split(
        'invited=',
      )[1]!
      leaver = (await enrol(server, linkIn((await mailsTo(server, email))[0]!))).visitor
      const { listMemberships } = await import('../../server/accounts/team.store.ts')
      eyes = (await listMemberships([account]))[0]!.team.id
      // Somebody of no team writes from a mailbox of their own.
      const out = `/admin/teams/${eyes}/remove/${account}`
      assert.equal((await ada.submit(out, out, {})).status, 303)
      message = await writeTo(leaver, { to: cast.maria.email, subject: 'About your eyes', body: 'Leo wrote this.' })
      assert.equal((await answerTo(maria, message, { body: 'Maria answered Leo.' })).status, 303)
    })
    after(() => server.stop())

    const page = () => `/admin/people/${account}/hand-over`

    test('the page says what will open, and asks for who takes over and why', async () => {
      const text = plain((await ada.ask(page())).body)
      assert.match(text, /1 conversation is in their own mailbox/)
      assert.match(
        text,
        mode === 'managed' ? /They read all earlier messages/ : /nobody here can open earlier messages/,
      )
      const empty = await ada.submit(page(), page(), { to: '', reason: '' })
      assert.equal(empty.status, 422)
      for (const to of [`account.${account}`, 'team.x', `patient.${account}`]) {
        const answer = await ada.submit(page(), page(), { to, reason: 'x' })
        assert.ok([404, 422].includes(answer.status), to)
      }
      assert.match((await leaver.ask(`/messages/${message}`)).body, /Leo wrote this/)
    })

    test('nobody takes over whose access ends at the same moment', async () => {
      const { changeAccount, findAccountByEmail, holdAccess } = await import('../../server/accounts/account.store.ts')
      const { inTransaction } = await import('../../server/database/connection.ts')
      const { id } = (await findAccountByEmail(server.cast.sam.email))!
      const [active, suspended] = (['active', 'suspended'] as const).map(
        (state) => ({ role: 'provider', state }) as const,
      )
      const asked = await inTransaction(async (transaction) => {
        await holdAccess(transaction)
        await changeAccount(id, active!, suspended!, transaction)
        const answer = ada.submit(page(), page(), { to: `account.${id}`, reason: 'Leo leaves.' })
        let settled = false
        void answer.then(() => (settled = true))
        await until(async () => {
          const waiting = await server.sql(`SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`)
          return waiting.length > 0 || settled
        }, 'the answer, or that it waits')
        return { answer }
      })
      assert.equal((await asked.answer).status, 404)
      assert.match((await leaver.ask(`/messages/${message}`)).body, /Leo wrote this/)
      await inTransaction((transaction) => changeAccount(id, suspended!, active!, transaction))
    })

    test('who takes over reads and answers; the leaver no longer finds it; the patient sees who answers now', async () => {
      const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
      const to = `account.${(await findAccountByEmail(server.cast.sam.email))!.id}`
      const answer = await ada.submit(page(), page(), { to, reason: 'Leo leaves.' })
      assert.equal(answer.location, `/admin/people/${account}?done=handed-over`)
      assert.equal((await leaver.ask(`/messages/${message}`)).status, 404)

      await until(
        async () =>
          (await mailsTo(server, 'leo@riverside.example')).some(({ text }) => /handed the conversations/.test(text)),
        'the mail to whom they were taken from',
      )

      const read = await sam.ask(`/messages/${message}`)
      assert.equal(read.status, 200)
      if (mode === 'managed') assert.match(read.body, /Leo wrote this[\s\S]*Maria answered Leo/)
      else {
        assert.doesNotMatch(read.body, /Leo wrote this|Maria answered Leo/)
        assert.match(read.body, /from before the conversation was handed over/)
        const opened = await server.sql(
          `SELECT 1 FROM access_events WHERE act = 'message.opened' AND subject_id = $1 AND actor_role = 'provider' AND actor_id <> $2`,
          [message, account],
        )
        assert.deepEqual(opened, [], 'what was not shown was not opened')
      }
      assert.match(
        plain((await maria.ask(`/messages/${message}`)).body),
        /Leo Leaver \(fictitious\) has left this conversation\. Sam .* answers now\./,
      )
      assert.equal((await answerTo(sam, message, { body: 'Sam answers now.' })).status, 303)
      assert.equal((await answerTo(maria, message, { body: 'Thank you, Sam.' })).status, 303)
      for (const each of [sam, maria])
        assert.match((await each.ask(`/messages/${message}`)).body, /Sam answers now[\s\S]*Thank you, Sam/)
      assert.match((await maria.ask(`/messages/${message}`)).body, /Leo wrote this/)
      assert.equal((await leaver.ask(`/messages/${message}`)).status, 404)
      const inbox = await sam.ask('/messages')
      assert.equal(/About your eyes/.test(inbox.body), mode === 'managed')
    })

    test('each conversation is in the log, and the use of the recovery key before', async () => {
      const events = await server.sql<{ act: string }>(
        `SELECT act FROM access_events WHERE act IN ('threads.handed-over', 'thread.handed-over') ORDER BY act`,
      )
      assert.deepEqual(
        events.map(({ act }) => act),
        ['thread.handed-over', 'threads.handed-over'],
      )
    })

    test('a hold on who took part before still covers it', async () => {
      const { placeHold } = await import('../../server/messages/place-hold.ts')
      const { isHeld } = await import('../../server/messages/legal-hold.store.ts')
      const { system } = await import('../../server/audit/actor.ts')
      const [reply] = await server.sql<{ id: string }>(
        `SELECT m.id FROM messages m JOIN accounts a ON a.id = m.author_account_id WHERE a.role = 'patient' AND m.thread_id = (SELECT thread_id FROM messages WHERE id = $1) LIMIT 1`,
        [message],
      )
      assert.equal(await isHeld(reply!.id, null), false)
      await placeHold(
        { ...system, id: account },
        { what: 'account', email: 'leo@riverside.example' },
        'a fictitious reason',
      )
      assert.equal(await isHeld(reply!.id, null), true)
    })

    test('a team takes over too, all of whose members read', async () => {
      const dana = await signedIn(server, server.cast.dana)
      const { findAccountByEmail } = await import('../../server/accounts/account.store.ts')
      const { listMemberships } = await import('../../server/accounts/team.store.ts')
      const danas = (await findAccountByEmail(server.cast.dana.email))!.id
      const team = (await listMemberships([danas]))[0]!.team.id
      const own = (await findAccountByEmail(server.cast.sam.email))!.id
      const from = `/admin/people/${own}/hand-over`
      assert.equal((await ada.submit(from, from, { to: `team.${team}`, reason: 'To all of us.' })).status, 303)
      const { body, status } = await dana.ask(`/messages/${message}`)
      assert.equal(status, 200)
      assert.equal(/Thank you, Sam/.test(body), mode === 'managed')
      assert.equal((await answerTo(dana, message, { body: 'From the team.' })).status, 303)
      assert.match((await maria.ask(`/messages/${message}`)).body, /From the team/)
    })
  })
}
