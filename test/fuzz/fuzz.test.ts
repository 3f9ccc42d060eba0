import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { tsharkVersion } from './dissector.ts';
import { fuzz } from './run.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createDatabase();
});

afterAll(async () => {
  await database.drop();
});

describe('a daemon under mutated PDUs, before and after a valid bind, from customers and a carrier', () => {
  it('goes on as if nothing were, and a session beside them notices nothing', async () => {
    const hasTshark = (await tsharkVersion()) !== undefined;
    const said: string[] = [];
    const { attack, fromCarrier, faults } = await fuzz({
      pdus: 10_000,
      // A fixed one: what it finds once it finds again. Other seeds are for `node test/fuzz/main.ts --seed N`.
      seed: 7,
      databaseUrl: database.url,
      warmUpPdus: 500,
      settleMs: 500,
      memoryShare: undefined,
      quietRate: 100,
      dissect: hasTshark,
      say: (line) => said.push(line),
    });
    process.stderr.write(`${said.join('\n')}\n`);
    if (!hasTshark)
      process.stderr.write('tshark is not installed: what was accepted is not judged\n');
    expect(faults).toEqual([]);
    expect(attack.taken).toBeGreaterThanOrEqual(10_000);
    expect(attack.takenAfterBind / attack.taken).toBeGreaterThan(0.3);
    expect(fromCarrier).toBeGreaterThan(0);
  }, 600_000);
});
