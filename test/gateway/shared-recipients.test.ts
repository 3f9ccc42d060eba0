import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestGateway } from '../support/gateway.ts';
import type { Esme } from './esme.ts';
import { TwoNodes } from './two-nodes-stand.ts';

const RECIPIENT_PATTERN = 0x40a;

let stand: TwoNodes;
let gateway: TestGateway;
let beside: TestGateway;

beforeAll(async () => {
  const serial = { recipientPattern: { run: 6, step: 1, recent: 2_000, random: false } };
  const own = { policy: 'serial', credit: '10000', bind: { segmentsPerSecond: 100_000 } };
  stand = await TwoNodes.open({
    policies: { serial: { rules: [serial] } },
    accounts: {
      split: own,
      again: own,
      refused: own,
      stays: own,
      open: {},
    },
  });
  ({ gateway, beside } = stand);
});

afterAll(() => stand?.close());

const bind = (systemId: string, at?: TestGateway) => stand.bind(systemId, at);

async function statuses(esme: Esme, numbers: readonly number[]): Promise<(number | undefined)[]> {
  const found = [];
  for (const number of numbers)
    found.push((await esme.submit({ destination_addr: String(number) })).command_status);
  return found;
}

/** 200 tries: what takes 2 to 4 s has 20. */
const TRY_EVERY_MS = 100;
const WINDOW = 50;
/** Beginnings of runs that do not touch. */
const RUNS = Array.from({ length: 200 }, (_, n) => 12025550000 + 30 * n);

/** Submits these places of every run. */
async function submitted(esme: Esme, places: readonly number[]): Promise<void> {
  for (const place of places)
    for (let from = 0; from < RUNS.length; from += WINDOW) {
      const numbers = RUNS.slice(from, from + WINDOW).map((begin) => begin + place);
      const answers = await Promise.all(
        numbers.map((number) => esme.submit({ destination_addr: String(number) })),
      );
      expect(answers.map((answer) => answer.command_status)).toEqual(numbers.map(() => 0));
    }
}

/** Submits what makes each run one number longer than it may be. */
async function refused(esme: Esme, place: number): Promise<void> {
  for (let from = 0; from < RUNS.length; from += WINDOW) {
    const numbers = RUNS.slice(from, from + WINDOW).map((begin) => begin + place);
    expect(await statuses(esme, numbers)).toEqual(numbers.map(() => RECIPIENT_PATTERN));
  }
}

/** Submits this place of one run after the other until it completes one: of one that passed it never would. */
async function found(esme: Esme, place: number): Promise<void> {
  for (const begin of RUNS) {
    const [status] = await statuses(esme, [begin + place]);
    if (status === RECIPIENT_PATTERN) return;
    await pause(TRY_EVERY_MS);
  }
  throw new Error('no run was found');
}

async function rows(account: string): Promise<number> {
  const [row] = await gateway.sql<{ n: number }>(
    `select count(*)::int as n from recent_recipients r join account a on a.id = r.account
     where a.name = $1`,
    [account],
  );
  return row?.n ?? -1;
}

describe('recipientPattern over two nodes', () => {
  it('finds a run that is split between them, a few seconds after it came', async () => {
    const [here, there] = [await bind('split'), await bind('split', beside)];
    // Each node alone sees no two neighbours.
    await submitted(here, [0, 2, 4]);
    await submitted(there, [1, 3]);
    await found(here, 5);
    await found(there, 5);
  });

  it('refuses what the other refused, a few seconds after', async () => {
    const [here, there] = [await bind('refused'), await bind('refused', beside)];
    await submitted(here, [0, 1, 2, 3, 4]);
    await refused(here, 5);
    await found(there, 5);
    expect(await statuses(there, [(RUNS[199] ?? 0) + 4, (RUNS[199] ?? 0) + 5])).toEqual([
      0,
      RECIPIENT_PATTERN,
    ]);
  });

  it('keeps no number in clear, and nothing of accounts without such rules', async () => {
    const [one] = await gateway.sql<{ found: boolean }>(
      `select bool_or(position('1202555'::bytea in numbers) > 0) as found from recent_recipients`,
    );
    expect(one?.found).toBe(false);
    await statuses(await bind('open'), [12025554000, 12025554001]);
    expect(await rows('open')).toBe(0);
  });
});

describe('recipientPattern after a restart', () => {
  it('goes on with what came before', async () => {
    const esme = await bind('again', beside);
    await submitted(esme, [0, 1, 2, 3, 4]);
    await esme.cut();
    await beside.drain();
    await beside.up();
    // The first message has it read.
    await found(await bind('again', beside), 5);
  });

  it('refuses what was refused before, also what passed while it was read', async () => {
    const esme = await bind('stays', beside);
    await submitted(esme, [0, 1, 2, 3, 4]);
    await refused(esme, 5);
    await esme.cut();
    await beside.drain();
    await beside.up();
    const again = await bind('stays', beside);
    await found(again, 5);
    await refused(again, 5);
    await submitted(again, [4]);
  });
});
