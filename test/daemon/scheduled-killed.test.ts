import { describe, expect, it } from 'vitest';
import { Esme } from '../gateway/esme.ts';
import { ScriptedCarrier, type TakenSubmit } from '../gateway/scripted-carrier.ts';
import { ADMIN_TOKEN, type TestDaemon, until } from '../support/daemon.ts';
import { figures, type Stage, staged } from './stage.ts';

/** A carrier that delivers what it takes, and nodes whose only carrier it is. */
class Play {
  readonly stage: Stage;
  readonly carrier: ScriptedCarrier;
  #isOver = false;

  constructor(stage: Stage, carrier: ScriptedCarrier) {
    this.stage = stage;
    this.carrier = carrier;
    carrier.onSubmit = (submit) => {
      carrier.accept(submit);
      this.#receiptUntilTaken(submit);
    };
  }

  node(name?: string): Promise<TestDaemon> {
    const resources = this.stage.resources({
      bind: { windowMax: 1_000 },
      carrier: { port: this.carrier.port, host: '127.0.0.1' },
    });
    return this.stage.startDaemon({ resources, ...(name !== undefined && { name }) });
  }

  /** How often each message reached the carrier. */
  sent(messages: readonly Taken[]): number[] {
    return messages.map(({ destination }) => this.carrier.to(destination).length);
  }

  /** Everything has ended, and the scheduled table is empty: a moment after the last message is sent. */
  async over(): Promise<void> {
    await this.stage.settled();
    const left = () => this.stage.value('select count(*) from scheduled');
    await until('nothing is scheduled', async () => (await left()) === '0');
  }

  end(): void {
    this.#isOver = true;
  }

  /** As a real carrier does: a receipt that was not answered comes again, over whatever session there is then. */
  #receiptUntilTaken(submit: TakenSubmit): void {
    const again = (): void => {
      if (!this.#isOver) setTimeout(send, 50);
    };
    const send = (): void => {
      // With no session it throws, with one that ends it rejects.
      new Promise((resolve) => resolve(this.carrier.receipt(submit))).catch(again);
    };
    setTimeout(send, 5);
  }
}

async function played(test: (play: Play) => Promise<void>): Promise<void> {
  const carrier = await ScriptedCarrier.listen();
  try {
    await staged(async (stage) => {
      const play = new Play(stage, carrier);
      await test(play).finally(() => play.end());
    });
  } finally {
    await carrier.down();
  }
}

const MESSAGES = 100;

/** Relative, SMPP 3.4 §7.1.1.2. */
function inSeconds(n: number): string {
  return `0000000000${String(n).padStart(2, '0')}000R`;
}

const IN_AN_HOUR = '000000010000000R';

/** So often the time that a node took to start, so that a slow machine has its time; 50 s at most. */
function startSeconds(daemon: TestDaemon, times: number): number {
  return Math.min(Math.ceil((times * daemon.startedInMs) / 1_000), 50);
}

interface Taken {
  readonly id: string;
  readonly destination: string;
}

/** Submits messages that are due in so many seconds. @returns them, and Unix ms before which none is due */
async function schedule(
  daemon: TestDaemon,
  seconds: number,
  numbers = '1202555',
  fields = {},
): Promise<{ messages: Taken[]; firstDueMs: number }> {
  const firstDueMs = Date.now() + seconds * 1_000;
  const esme = await Esme.bind(daemon.smppPort, { systemId: 'acme', as: 'transmitter' });
  const messages = await Promise.all(
    Array.from({ length: MESSAGES }, async (_, n) => {
      const destination = `${numbers}${1000 + n}`;
      const id = await esme.accepted({
        destination_addr: destination,
        schedule_delivery_time: inSeconds(seconds),
        ...fields,
      });
      return { id, destination };
    }),
  );
  await esme.close();
  return { messages, firstDueMs };
}

/** Each message went out once, except those that were listed as unknown before they went again. */
async function judge(play: Play, daemon: TestDaemon, { messages }: { messages: readonly Taken[] }) {
  const { rows } = await play.stage.sql((client) =>
    client.query<{ id: string; attempts: number }>(
      'select id::text, count(*)::int as attempts from unknown_outcome group by id',
    ),
  );
  const unknown = new Map(rows.map(({ id, attempts }) => [id, attempts]));
  let repeated = 0;
  for (const [n, times] of play.sent(messages).entries()) {
    const id = messages[n]?.id ?? '';
    expect({ id, sent: times >= 1 }).toEqual({ id, sent: true });
    if (times > 1) repeated++;
    expect(times).toBeLessThanOrEqual(1 + (unknown.get(id) ?? 0));
  }
  expect(await play.stage.value('select count(*) from scheduled')).toBe('0');
  expect(await play.stage.value('select count(*) from outcome where state = 2')).toBe(
    String(MESSAGES),
  );
  expect(await daemon.get('/v1/reconciliation')).toMatchObject({ ok: true, mismatches: [] });
  return { unknown: unknown.size, repeated };
}

async function takenBack(daemon: TestDaemon): Promise<Esme> {
  return Esme.bind(daemon.smppPort, { systemId: 'acme', as: 'receiver' });
}

describe.concurrent('scheduled messages of a node that is killed (kill -9)', () => {
  it('before their time: they go at their time, once, after the restart', () =>
    played(async (play) => {
      const first = await play.node('one');
      const given = await schedule(first, 60, '1202555', { schedule_delivery_time: IN_AN_HOUR });
      await first.kill();
      const second = await play.node('one');
      expect(play.carrier.submits).toHaveLength(0);
      // Most of the hour goes by.
      const firstDueMs = Number(
        await play.stage.value(
          `with moved as (update scheduled set at = clock_timestamp() + interval '3 s' returning at)
           select (extract(epoch from min(at)) * 1000)::int8 from moved`,
        ),
      );
      const receiver = await takenBack(second);
      const submit = await until('the first goes', () => play.carrier.submits[0]);
      expect(submit.atMs).toBeGreaterThanOrEqual(firstDueMs);
      await play.over();
      expect(await judge(play, second, given)).toMatchObject({ repeated: 0 });
      await receiver.close();
    }));

  it('while they are released: what is left goes on, what was repeated was listed as unknown', () =>
    played(async (play) => {
      const first = await play.node('one');
      const given = await schedule(first, 2);
      await until('some are out', () => play.carrier.submits.length > 10);
      await first.kill();
      const second = await play.node('one');
      const receiver = await takenBack(second);
      await play.over();
      figures('killed while scheduled messages were released', await judge(play, second, given));
      await receiver.close();
    }));

  it('and away over their time: they go at once when it is back, and what is no longer valid ends refunded', () =>
    played(async (play) => {
      const first = await play.node('one');
      const seconds = 4 + startSeconds(first, 2);
      const given = await schedule(first, seconds);
      const validity_period = inSeconds(seconds + 2);
      const short = await schedule(first, seconds, '1303555', { validity_period });
      await first.kill();
      expect(Date.now()).toBeLessThan(given.firstDueMs); // else this tests nothing
      const overMs = Date.now() + (seconds + 2) * 1_000 + 500;
      await until('their validity is over', () => Date.now() > overMs);
      const second = await play.node('one');
      const receiver = await takenBack(second);
      await play.over();
      await judge(play, second, given);
      expect(play.sent(short.messages)).toEqual(short.messages.map(() => 0));
      const { rows } = await play.stage.sql((client) =>
        client.query(
          `select state, fault, cause, count(*)::int as count, sum(refund)::text as refund
           from outcome where state <> 2 group by 1, 2, 3`,
        ),
      );
      // EXPIRED, the platform's fault, each at 0.05.
      const refund = String(MESSAGES * 50_000);
      expect(rows).toEqual([{ state: 3, fault: 1, cause: 'neverSent', count: MESSAGES, refund }]);
      await receiver.close();
    }));

  it('between the note why it is refused by now and its end: one end, one refund, one receipt, one note', () =>
    played(async (play) => {
      const given = {
        ...play.stage.resources({
          terms: { onRefusal: 'refund' },
          carrier: { port: play.carrier.port, host: '127.0.0.1' },
        }),
        policies: { open: { rules: [{ optOut: {} }] } },
      };
      const first = await play.stage.startDaemon({ name: 'one', resources: given });
      const esme = await Esme.bind(first.smppPort, { systemId: 'acme', as: 'transmitter' });
      const to = { destination_addr: '12025559999', schedule_delivery_time: inSeconds(3) };
      const id = await esme.accepted({ ...to, registered_delivery: 1 });
      await esme.close();
      const notes = () =>
        play.stage.value(`select count(*) from policy_note where event = 'refusedByPolicy'`);
      await play.stage.sql(async (client) => {
        await client.query('begin; lock table outcome in exclusive mode');
        const body = JSON.stringify({ account: 'acme', number: '12025559999' });
        const headers = {
          authorization: `Bearer ${ADMIN_TOKEN}`,
          'content-type': 'application/json',
        };
        const url = `${first.httpUrl}/v1/opt-outs`;
        expect((await fetch(url, { method: 'PUT', headers, body })).status).toBe(200);
        await until('it is noted', async () => (await notes()) === '1');
        const ending = `select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`;
        await until('its end is under way', async () => (await play.stage.value(ending)) !== '0');
        await first.kill();
        // What it asked for last must not commit behind its back.
        await client.query(
          `select pg_terminate_backend(pid) from pg_stat_activity
           where wait_event_type = 'Lock' and datname = current_database()`,
        );
        expect((await client.query('select from outcome')).rowCount).toBe(0);
        await client.query('rollback');
      });
      expect(await play.stage.value('select count(*) from outcome')).toBe('0');
      const second = await play.stage.startDaemon({ name: 'one', resources: given });
      const receiver = await takenBack(second);
      await play.over();
      expect(await receiver.receiptOf(id)).toMatchObject({ state: 'REJECTD' });
      expect(receiver.receipts).toHaveLength(1);
      expect(play.carrier.submits).toHaveLength(0);
      expect(await notes()).toBe('1');
      const ends = `select string_agg(cause || ' ' || refund, ',') from outcome`;
      expect(await play.stage.value(ends)).toBe('refusedLater 50000');
      const refunds = `select count(*) || ' ' || sum(amount) from ledger_entry where kind = 'refund'`;
      expect(await play.stage.value(refunds)).toBe('1 50000');
      expect(await second.get('/v1/reconciliation')).toMatchObject({ ok: true, mismatches: [] });
      await receiver.close();
    }));

  it('beside another, while they are released: no message goes twice that was not listed', () =>
    played(async (play) => {
      const a = await play.node();
      const b = await play.node();
      const given = await schedule(a, 2);
      await until('some are out', () => play.carrier.submits.length > 10);
      await a.kill();
      const receiver = await takenBack(b);
      await play.over();
      figures('adopted while scheduled messages were released', await judge(play, b, given));
      await receiver.close();
    }));
});
