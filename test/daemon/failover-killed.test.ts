import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Esme } from '../gateway/esme.ts';
import type { ScriptedCarrier } from '../gateway/scripted-carrier.ts';
import { until } from '../support/daemon.ts';
import { carriersBound, Stage } from './stage.ts';

const MESSAGES = 100;

let stage: Stage;
let first: ScriptedCarrier;
let second: ScriptedCarrier;

beforeEach(async () => {
  stage = await Stage.onDatabase();
  first = await stage.scriptedCarrier();
  second = await stage.scriptedCarrier();
});

afterEach(() => stage.close());

function resources(): object {
  const usual = stage.resources() as { carriers: object[]; accounts: object[] };
  const [carrier] = usual.carriers;
  return {
    ...usual,
    carriers: [
      {
        ...carrier,
        name: 'first',
        port: first.port,
        faults: { byErr: { '069': 'next' } },
        ids: { response: 'text', receipt: 'text' },
      },
      {
        ...carrier,
        name: 'second',
        port: second.port,
        binds: 1,
        windowMax: 1,
        ids: { response: 'text', receipt: 'text' },
      },
    ],
    routes: [
      {
        prefix: '',
        carriers: [
          { name: 'first', priority: 1 },
          { name: 'second', priority: 2 },
        ],
      },
    ],
  };
}

describe('a node killed (kill -9) when receipts that name the next carrier are answered', () => {
  it('is followed by one that sends each to the next carrier once, and charges nobody twice', async () => {
    const daemon = await stage.startDaemon({ resources: resources(), name: 'a' });
    const esme = await Esme.bind(daemon.smppPort, { systemId: 'acme' });
    // What waits for a carrier that is down longer than another goes to that one.
    await carriersBound(daemon, { first: 2, second: 1 });
    // One at a time, and the first is not answered: all but one wait when the node dies.
    second.onSubmit = () => {};
    const ids = await Promise.all(
      Array.from({ length: MESSAGES }, (_, i) =>
        esme.accepted({ destination_addr: `1202555${1000 + i}` }),
      ),
    );
    const taken = await first.taken(MESSAGES);
    // What the first carrier answered is stored: nothing of it is unknown after the kill.
    await until('its answers are stored', async () => {
      const stored = await stage.value('select count(*) from dispatch where status = 0');
      return stored === String(MESSAGES);
    });
    let answered = 0;
    for (const submit of taken)
      void first.receipt(submit, { stat: 'UNDELIV', err: '069' }).then(
        () => {
          // Half of them: now.
          if (++answered === MESSAGES / 2) void daemon.kill();
        },
        () => {},
      );
    await until('it is killed', () => !daemon.isRunning);
    const before = second.submits.length;
    second.onSubmit = (submit) => {
      second.accept(submit);
      setTimeout(() => void second.receipt(submit).catch(() => {}), 5);
    };
    await stage.startDaemon({ resources: resources(), name: 'a' });
    await until('the carrier is bound', () => first.sessions.size > 0);
    // The carrier repeats what was not answered, and what was.
    for (const submit of taken)
      await until('repeated', async () => {
        try {
          return (await first.receipt(submit, { stat: 'UNDELIV', err: '069' })) === 0;
        } catch {
          return false;
        }
      });
    await until('all are delivered', async () => {
      const ended = await stage.value('select count(*) from outcome where state = 2');
      return ended === String(MESSAGES);
    });
    const unknown = Number(await stage.value('select count(*) from unknown_outcome'));
    expect(unknown).toBeLessThanOrEqual(2);
    expect(second.submits.length).toBeLessThanOrEqual(MESSAGES + before + unknown);
    expect(first.submits).toHaveLength(MESSAGES);
    expect(new Set(second.submits.map((one) => one.destination)).size).toBe(MESSAGES);
    expect(await stage.value('select count(*) from failover')).toBe(String(MESSAGES));
    expect(new Set(ids).size).toBe(MESSAGES);
    expect(await stage.value("select count(*) from ledger_entry where kind = 'refund'")).toBe('0');
    expect(
      await stage.value("select sum(amount)::text from ledger_entry where kind = 'charge'"),
    ).toBe(String(-MESSAGES * 50_000));
  });
});
