import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Esme, payload } from '../gateway/esme.ts';
import { pdusOf, readCapture, streamOf } from '../ops/trace/capture-file.ts';
import { complaints, dissect, hasTshark } from '../ops/trace/tshark.ts';
import { ADMIN_TOKEN, ENTRY, postmasterOf, type TestDaemon, until } from '../support/daemon.ts';
import { Stage } from './stage.ts';

/** Of the customer, and ours at the carrier: words that stand nowhere else. */
const PASSWORD = 'zq7Kx9Wp';
const CARRIER_PASSWORD = 'vb3Mt8Rz';
const TEXT = 'meet at the harbour';
const NUMBER = '966512345678';
/** name, role, token. */
const TOKENS = {
  operator: 'operator-token-0123456789',
  inspector: 'inspector-token-0123456789',
  viewer: 'viewer-token-0123456789',
};

let stage: Stage;
let daemon: TestDaemon;

beforeAll(async () => {
  stage = await Stage.open();
  await stage.startCarrier({ password: CARRIER_PASSWORD, systemId: 'gw' });
  daemon = await stage.startDaemon({
    name: 'one',
    resources: stage.resources({
      bind: { password: PASSWORD },
      carrier: { password: CARRIER_PASSWORD, binds: 1 },
    }),
    env: {
      ADMIN_TOKENS: Object.entries(TOKENS)
        .map(([role, token]) => `ann-${role}:${role}:${token}`)
        .join(','),
    },
  });
});
afterAll(() => stage.close());

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command of this checkout against the daemon. */
async function cli(line: readonly string[], token = ADMIN_TOKEN): Promise<Ran> {
  const { done } = begin(line, token);
  return done;
}

/** The same, to be ended by Ctrl-C. */
function begin(
  line: readonly string[],
  token = ADMIN_TOKEN,
): { readonly done: Promise<Ran>; said(): string; interrupt(): Promise<Ran> } {
  const child = spawn(process.execPath, [ENTRY, ...line], {
    env: { PATH: process.env.PATH, SMPPGATE_URL: daemon.httpUrl, ADMIN_TOKEN: token },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      said[stream] += text;
    });
  const done = once(child, 'close').then(([code]): Ran => ({ ...said, code }));
  return {
    done,
    said: () => said.stdout,
    interrupt() {
      child.kill('SIGINT');
      return done;
    },
  };
}

/** Waits until so many traces look. */
function tracing(count: number): Promise<unknown> {
  return until('traces run', async () => (await daemon.metric('smppgate_traces')) === count);
}

/** Binds, submits a text of one segment and one of 20,000 octets, takes a receipt, is refused once, unbinds. */
async function traffic(): Promise<void> {
  const refused = await Esme.tryBind(daemon.smppPort, {
    systemId: 'acme',
    password: `${PASSWORD.slice(0, 7)}!`,
  });
  await refused.esme.close();
  const esme = await Esme.bind(daemon.smppPort, { systemId: 'acme', password: PASSWORD });
  const id = await esme.accepted({
    short_message: TEXT,
    destination_addr: NUMBER,
    user_message_reference: 77,
  });
  await esme.receiptOf(id);
  const long = payload('x'.repeat(20_000), 'latin1');
  await esme.submit({ ...long, destination_addr: NUMBER, registered_delivery: 0 });
  await esme.close();
}

describe('smppgate trace', () => {
  it('shows PDUs decoded a line each and as JSON, without passwords, texts and whole numbers', async () => {
    const [lines, json] = [begin(['trace', 'acme']), begin(['trace', 'acme', '--json'])];
    await tracing(2);
    await traffic();
    for (const running of [lines, json])
      await until('it is all shown', () => running.said().includes('unbind_resp'));
    const [shown, objects] = [(await lines.interrupt()).stdout, (await json.interrupt()).stdout];
    await tracing(0); // the next one is the only one
    expect((await lines.done).code).toBe(0);
    expect(shown).toMatch(
      /< #\d+ bind_transceiver seq=1 system_id=acme password=\*{8} interface_version=0x34\n/,
    );
    expect(shown).toMatch(/> #\d+ bind_transceiver_resp ESME_RBINDFAIL seq=1\n/);
    expect(shown).toMatch(
      /> #\d+ bind_transceiver_resp ESME_ROK seq=1 system_id=smppgate sc_interface_version=52\n/,
    );
    expect(shown).toMatch(
      /< #\d+ submit_sm seq=2 from=5\/0:Shop to=1\/1:96651234\*{4} registered_delivery=0x01 short_message=\(19 octets\) user_message_reference=77\n/,
    );
    expect(shown).toMatch(/> #\d+ submit_sm_resp ESME_ROK seq=2 message_id=\d+\n/);
    expect(shown).toMatch(
      /> #\d+ deliver_sm seq=\d+ .*"id:\d+ sub:001 dlvrd:001 submit date:\d{10} done date:\d{10} stat:DELIVRD err:000 text:\*+"/,
    );
    expect(shown).toMatch(/message_payload=\(20000 octets\)/);
    expect(shown).toMatch(/< #\d+ unbind seq=/);
    for (const output of [shown, objects]) {
      expect(output).not.toContain(PASSWORD.slice(0, 7));
      expect(output).not.toContain(Buffer.from(PASSWORD.slice(0, 7)).toString('hex'));
      expect(output).not.toContain(TEXT);
      expect(output).not.toContain(Buffer.from(TEXT).toString('hex'));
      expect(output).not.toContain(NUMBER);
    }
    const events = objects
      .trim()
      .split('\n')
      .map((line: string) => JSON.parse(line));
    expect(events[0]).toMatchObject({ type: 'start', peer: 'acme', content: false });
    const submit = events.find((event) => event.command === 'submit_sm');
    expect(submit).toMatchObject({
      direction: 'in',
      tls: false,
      local: { address: '127.0.0.1', port: daemon.smppPort },
      fields: { destination_addr: '96651234****', short_message: { octets: 19 } },
      tlvs: [{ name: 'user_message_reference', value: 77 }],
    });
  });

  it('writes a capture of mode 0600 that Wireshark reads, long PDUs and all, for a role that may with its content', async () => {
    const file = join(stage.folder, 'acme.pcap');
    const running = begin(
      ['trace', 'acme', '--pcap', file, '--content', '--reason', 'ticket 17'],
      TOKENS.inspector,
    );
    await tracing(1);
    await traffic();
    const captured = () => readCapture(readFileSync(file)).map((one) => one.payload);
    const isUnbindResp = (payload: Buffer) => payload.toString('hex', 0, 8) === '0000001080000006';
    await until('it is all written', () => captured().some(isUnbindResp));
    expect(await running.interrupt()).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/: \d+ PDUs, \d+ octets\n/),
    });
    await tracing(0);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const octets = readFileSync(file);
    expect(octets.includes(TEXT)).toBe(true);
    expect(octets.includes(PASSWORD.slice(0, 7))).toBe(false);
    const packets = readCapture(octets);
    expect(packets.every(({ ipSum, tcpSum }) => ipSum === 0xffff && tcpSum === 0xffff)).toBe(true);
    expect(packets.some(({ payload: { length } }) => length === 1_440)).toBe(true);
    const customer = packets.at(-1);
    if (customer === undefined) throw new Error('the capture is empty');
    const port = [customer.sourcePort, customer.destinationPort].find(
      (one) => one !== daemon.smppPort,
    );
    const sent = pdusOf(streamOf(packets, port ?? 0, daemon.smppPort));
    expect(sent.map((pdu) => pdu.readUInt32BE(4))).toEqual([9, 4, 0x80000005, 4, 6]);
    expect(sent[3]?.length).toBeGreaterThan(20_000);
    if (await hasTshark()) {
      expect(await complaints(file, daemon.smppPort)).toBe('');
      const pdus = await dissect(file, daemon.smppPort);
      const submits = pdus.filter((pdu) => pdu['smpp.command_id'] === '0x00000004');
      expect(submits.map((pdu) => pdu['smpp.destination_addr'])).toEqual([NUMBER, NUMBER]);
      const binds = pdus.filter((pdu) => pdu['smpp.command_id'] === '0x00000009');
      expect(binds.map((pdu) => pdu['smpp.password'])).toEqual(['********', '********']);
      expect(pdus.every((pdu) => pdu['_ws.malformed'] === '')).toBe(true);
    }
    const audit = await stage.value(
      "select actor || ' ' || subject || ' ' || (detail ->> 'reason') from audit where action = 'trace.content'",
      [],
      databaseUrl(),
    );
    expect(audit).toBe('ann-inspector acme ticket 17');
  });

  it('refuses content without a reason, and to a token that may not see it', async () => {
    expect(await cli(['trace', 'acme', '--content'])).toMatchObject({ code: 2 });
    const content = ['trace', 'acme', '--content', '--reason', 'curious'];
    for (const token of [TOKENS.operator, TOKENS.viewer]) {
      const refused = await cli(content, token);
      expect(refused).toMatchObject({ code: 1, stdout: '' });
      expect(refused.stderr).toContain('may not see content');
    }
    expect((await cli(['trace', 'nobody'])).stderr).toContain('there is no system-id "nobody"');
  });

  it('lets the daemon record the sessions to a carrier, and hides our password there too', async () => {
    await stage.carrier?.close();
    const begun = await cli(
      [
        'trace',
        '--carrier',
        'sim',
        '--record',
        '--seconds',
        '600',
        '--reason',
        'why it rejects',
        '--json',
      ],
      TOKENS.operator,
    );
    const { id } = JSON.parse(begun.stdout);
    await stage.startCarrier({ password: CARRIER_PASSWORD, systemId: 'gw' });
    await until(
      'it is bound',
      async () => (await daemon.metric('smppgate_binds', { side: 'carrier' })) === 1,
    );
    await traffic();
    const folder = join(stage.folder, 'one', 'data', 'traces');
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(readdirSync(folder).map((name) => statSync(join(folder, name)).mode & 0o777)).toEqual([
      0o600, 0o600,
    ]);
    const running = await cli(['trace', '--fetch', id, '--pcap', join(stage.folder, 'sim.pcap')]);
    expect(running.stderr).toContain('it runs until');
    await fetch(`${daemon.httpUrl}/v1/traces/${id}/stop`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    });
    const file = join(stage.folder, 'sim.pcap');
    await cli(['trace', '--fetch', id, '--pcap', file], TOKENS.viewer);
    const octets = readFileSync(file);
    expect(octets.includes(CARRIER_PASSWORD)).toBe(false);
    expect(octets.includes(TEXT)).toBe(false);
    expect(octets.includes(NUMBER)).toBe(false);
    const commands = readCapture(octets)
      .filter((one) => one.payload.readUInt32BE(0) <= 1_440)
      .map((one) => one.payload.readUInt32BE(4));
    expect(commands).toContain(0x09);
    expect(commands).toContain(0x04);
    expect(commands).toContain(0x05);
    if (await hasTshark()) expect(await complaints(file, stage.carrierPort)).toBe('');
    expect((await cli(['trace', '--recordings'])).stdout).toMatch(
      new RegExp(`${id} +sim +no +done \\(stopped\\)`),
    );
    expect((await cli(['trace', '--delete', id])).stdout).toBe(`${id}: deleted\n`);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('ends with the daemon', async () => {
    const running = cli(['trace', 'acme', '--json']);
    await tracing(1);
    expect(await daemon.stop()).toMatchObject({ code: 0 });
    expect((await running).stdout.trim().split('\n').at(-1)).toBe(
      '{"type":"end","reason":"stopped"}',
    );
    for (const log of [daemon.stdout, daemon.stderr]) {
      expect(log).not.toContain(PASSWORD);
      expect(log).not.toContain(CARRIER_PASSWORD);
    }
  });
});

function databaseUrl(): string {
  const postmaster = postmasterOf(join(stage.folder, 'one', 'data'));
  if (postmaster === undefined) throw new Error('there is no postmaster');
  return postmaster.url;
}
