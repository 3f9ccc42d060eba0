import { afterAll, expect, it } from 'vitest';
import { runCli } from '../../src/ops/cli/program.ts';
import { ScriptedCarrier } from '../gateway/scripted-carrier.ts';
import { ADMIN_TOKEN, killDaemons, TestDaemon } from '../support/daemon.ts';
import { guardedFolder } from '../support/guard.ts';
import { createDatabase } from '../support/postgres.ts';

const guard = guardedFolder();
const database = await createDatabase();
const carrier = await ScriptedCarrier.listen();

afterAll(async () => {
  await killDaemons();
  await carrier.down();
  await database.drop();
  await guard.release();
});

it('smppgate carrier probe asks a running daemon, and prints a fragment of a resources file', async () => {
  carrier.onSubmit = (submit) => {
    const id = `0x${(0xf000 + carrier.submits.length).toString(16)}`;
    carrier.accept(submit, id);
    // Over the daemon's own link as well as over the probe's: any session that receives.
    void carrier.receipt(submit, { id: String(Number(id)) });
  };
  const daemon = await TestDaemon.start({
    folder: guard.path,
    databaseUrl: database.url,
    resources: {
      carriers: [
        { name: 'up', host: '127.0.0.1', port: carrier.port, systemId: 'gw', password: 'gw' },
      ],
    },
  });
  const ran = { out: '', err: '' };
  const io = {
    out: (text: string) => {
      ran.out += text;
    },
    err: (text: string) => {
      ran.err += text;
    },
  };
  const none = async (): Promise<void> => {};
  const line = ['carrier', 'probe', 'up', '--to', '+966500000001', '--wait', '60'];
  const code = await runCli(line, {
    io,
    env: { SMPPGATE_URL: daemon.httpUrl, ADMIN_TOKEN },
    serve: none,
    addSimulateCommands: none,
    addBenchCommand: none,
  });
  expect({ code, err: ran.err }).toEqual({ code: 0, err: '' });
  expect(ran.out).toContain('with it 9 of 9 receipts are read and matched');
  expect(ran.out).toMatch(/\nids:\n {2}response: hex\n {2}receipt: decimal\n$/);
  // Nobody's: no message, and nothing parked.
  const { messages } = await daemon.get<{ messages: unknown[] }>('/v1/messages?to=966500000001');
  expect(messages).toEqual([]);
  expect(await daemon.metric('smppgate_receipts_unmatched_total')).toBe(0);
});
