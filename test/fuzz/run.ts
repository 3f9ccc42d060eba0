import { join } from 'node:path';
import { Stage } from '../daemon/stage.ts';
import { freePort, type TestDaemon, until } from '../support/daemon.ts';
import { type AttackReport, attack } from './attack.ts';
import { Capture, dissect, TSHARK_MAX_OCTETS, tsharkVersion } from './dissector.ts';
import { HostileCarrier } from './hostile-carrier.ts';
import { judgeObjections, withKnownStatus } from './objections.ts';
import { collectGarbage, compare, look, shown } from './process-look.ts';
import { Random } from './random.ts';

/** One run of the fuzzer against a real daemon. */
export interface FuzzOptions {
  readonly pdus: number;
  readonly seed: number;
  /** Undefined: an embedded PostgreSQL of its own. */
  readonly databaseUrl?: string;
  /** Mutated PDUs of a first run that is not judged: it brings code and heap to their working size. */
  readonly warmUpPdus: number;
  /** Idle time before each look at memory and sockets. */
  readonly settleMs: number;
  /** Memory may grow by this share; undefined: it is not judged (a short run says nothing about it). */
  readonly memoryShare: number | undefined;
  /** Submits a second of the quiet session. */
  readonly quietRate: number;
  /** Have tshark look at what was accepted. @throws when it is not installed */
  readonly dissect: boolean;
  readonly say: (line: string) => void;
}

/** What a run came to; `faults` empty: passed. */
export interface FuzzReport {
  readonly attack: AttackReport;
  readonly fromCarrier: number;
  readonly faults: readonly string[];
}

/** How much of the PDUs are sent behind a valid bind; the goal is 30 % at least. */
const BOUND_SHARE = 0.6;
const BOUND_SHARE_MIN = 0.3;
const CONNECTIONS = 24;
const FUZZ_PASSWORD = 'secret';
/** They differ in what becomes of a refused or repeated message. */
const FUZZ_ACCOUNTS = ['fuzz', 'fuzz-receipts'];
/** What the attackers' traffic needs to be finished after the last PDU. */
const DRAIN_MS = 120_000;

/** Starts a daemon, attacks it beside a quiet session, and judges. */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const version = options.dissect ? await tsharkVersion() : undefined;
  if (options.dissect && version === undefined)
    throw new Error('tshark is not installed: apt-get install tshark');
  const random = new Random(options.seed);
  const stage = await Stage.open(options.databaseUrl);
  const carrier = await HostileCarrier.start(random.fork());
  try {
    return await run(options, stage, carrier, random, version);
  } finally {
    await stage.close();
    await carrier.close();
  }
}

async function run(
  options: FuzzOptions,
  stage: Stage,
  hostile: HostileCarrier,
  random: Random,
  version: string | undefined,
): Promise<FuzzReport> {
  const { say, settleMs } = options;
  const faults: string[] = [];
  await stage.startCarrier({ receipts: { delayMs: 20 } });
  const inspector = await freePort();
  const daemon = await stage.startDaemon({
    resources: resources(stage, hostile.port),
    // As `npm start` runs it, and with the inspector, which can have its garbage collected.
    env: { NODE_OPTIONS: `--max-semi-space-size=16 --inspect=127.0.0.1:${inspector}` },
  });
  const quiet = quietSession(stage, daemon, options.quietRate);
  const base = { port: daemon.smppPort, systemIds: FUZZ_ACCOUNTS, password: FUZZ_PASSWORD };
  const shape = { ...base, boundShare: BOUND_SHARE, connections: CONNECTIONS };
  hostile.isHostile = true;
  await attack({ ...shape, pdus: options.warmUpPdus, random: random.fork() });
  hostile.isHostile = false;
  await settled(daemon, settleMs, inspector);
  say(`before: ${shown(await look(daemon, inspector))}`);
  await collectGarbage(inspector);
  const before = await look(daemon, inspector);
  say(`  less garbage: ${shown(before)}`);

  const beganAt = performance.now();
  const capture = new Capture(join(stage.folder, 'accepted.pcap'));
  let tooLong = 0;
  hostile.isHostile = true;
  const report = await attack({
    ...shape,
    pdus: options.pdus,
    random: random.fork(),
    accepted: (octets) => {
      if (octets.length > TSHARK_MAX_OCTETS) {
        tooLong++;
        return;
      }
      capture.add(withKnownStatus(octets));
    },
  });
  hostile.isHostile = false;
  await capture.close();
  const seconds = (performance.now() - beganAt) / 1_000;
  sayReport(report, hostile, seconds, say);
  faults.push(...report.faults, ...hostile.faults);
  if (report.takenAfterBind < report.taken * BOUND_SHARE_MIN)
    faults.push('less than 30 % of the PDUs came after a valid bind');

  await settled(daemon, settleMs, inspector);
  say(`${settleMs / 1_000} s after: ${shown(await look(daemon, inspector))}`);
  await collectGarbage(inspector);
  const after = await look(daemon, inspector);
  say(`  less garbage: ${shown(after)}`);
  faults.push(...compare(before, after, options.memoryShare));
  faults.push(...(await judgeQuiet(quiet, daemon, say)));
  if (version !== undefined) {
    say(`accepted, and longer than tshark reads: ${tooLong}`);
    const dissection = await dissect(capture, version);
    faults.push(...judgeObjections(dissection, capture, say));
  }
  return { attack: report, fromCarrier: hostile.taken, faults };
}

/** `quiet` goes by the carrier on npm smpp, the others by the hostile one. */
function resources(stage: Stage, hostilePort: number): object {
  const base = stage.resources({
    accounts: ['quiet', ...FUZZ_ACCOUNTS],
    bind: { bindsMax: 200, windowMax: 100 },
  }) as {
    readonly carriers: readonly object[];
    readonly accounts: readonly { readonly name: string }[];
  };
  const [sim] = base.carriers;
  return {
    ...base,
    accounts: base.accounts.map((account) => ({
      ...account,
      credit: '100000000',
      ...(account.name === 'fuzz-receipts' ? REFUSED_BY_RECEIPT : {}),
    })),
    carriers: [sim, { ...sim, name: 'hostile', port: hostilePort }],
    routes: [
      { prefix: '966', carriers: [{ name: 'sim' }] },
      { prefix: '', carriers: [{ name: 'hostile' }] },
    ],
  };
}

/** A customer on npm smpp who submits and gets his receipts all the while. */
function quietSession(stage: Stage, daemon: TestDaemon, ratePerSecond: number) {
  let ends = 0;
  const customer = stage.startCustomer(daemon.smppPort, 'quiet', {
    messages: 10_000_000,
    ratePerSecond,
    windowMax: 50,
    destination: '96650#######',
    onEvent: ({ event }) => {
      if (event === 'end') ends++;
    },
  });
  return { customer, ends: () => ends };
}

async function judgeQuiet(
  quiet: ReturnType<typeof quietSession>,
  daemon: TestDaemon,
  say: (line: string) => void,
): Promise<string[]> {
  const ends = quiet.ends();
  const books = await quiet.customer.drain();
  say(
    `quiet session: ${books.submitted} submitted, ${books.accepted} accepted, ${books.unanswered} unanswered, ` +
      `refused ${JSON.stringify(books.refused)}, ${books.withoutReceipt} without receipt, ` +
      `${books.repeatedReceipts} repeated, p50 ${books.answerP50Ms} ms, p99 ${books.answerP99Ms} ms, sessions lost ${ends}`,
  );
  const faults: string[] = [];
  if (ends > 0) faults.push('the quiet session was lost');
  if (books.submitted === 0 || books.accepted !== books.submitted)
    faults.push('a submit of the quiet session was not accepted');
  if (books.withoutReceipt > 0) faults.push('the quiet session lacks a receipt');
  if (books.repeatedReceipts > 0) faults.push('the quiet session got a receipt twice');
  if (!daemon.isRunning) faults.push('the daemon ended');
  const { ok } = await daemon.get<{ ok: boolean }>('/v1/reconciliation');
  if (!ok) faults.push('the reconciliation is not ok');
  return faults;
}

/** Sockets on the SMPP port when the attackers are gone: the listening one and the quiet session's. */
const QUIET_SOCKETS = 2;

/** All that the attack caused is done, carriers are bound again, and then nothing but the quiet session for a while. */
async function settled(daemon: TestDaemon, settleMs: number, inspector: number): Promise<void> {
  await until(
    'the attackers are gone and their messages are sent',
    async () => {
      const all = await daemon.metric('smppgate_binds', { side: 'customer' });
      const quiet = await daemon.metric('smppgate_binds', { side: 'customer', peer: 'quiet' });
      const queued = await daemon.metric('smppgate_queue_messages', { carrier: 'hostile' });
      const bound = await daemon.metric('smppgate_binds', { side: 'carrier' });
      const wanted = await daemon.metric('smppgate_binds_limit', { side: 'carrier' });
      if (all !== quiet || queued !== 0 || bound !== wanted) return false;
      return (await look(daemon, inspector)).smppSockets === QUIET_SOCKETS;
    },
    DRAIN_MS,
  );
  await new Promise((resolve) => setTimeout(resolve, settleMs));
}

function sayReport(
  report: AttackReport,
  hostile: HostileCarrier,
  seconds: number,
  say: (line: string) => void,
): void {
  const { taken, takenAfterBind, unproven, connections, binds } = report;
  const share = ((takenAfterBind / taken) * 100).toFixed(1);
  say(`mutated PDUs taken: ${taken} in ${seconds.toFixed(0)} s, ${share} % after a valid bind`);
  say(`written without proof that they were read, not counted: ${unproven}`);
  say(`connections ${connections}, valid binds ${binds}, ended ${listed(report.ends)}`);
  say(`a carrier's mutated PDUs, beside: ${hostile.taken}; submits it took: ${hostile.submits}`);
  say(`statuses: ${listed(report.statuses)}`);
  const names = new Map<string, number>();
  for (const [both, count] of report.mutations)
    for (const name of both.split('+')) names.set(name, (names.get(name) ?? 0) + count);
  say(`mutations: ${listed(names)}`);
}

function listed(counts: ReadonlyMap<string, number>): string {
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}

/** What an account may be set to that leads malformed messages further into the pipeline. */
const REFUSED_BY_RECEIPT = {
  refusals: 'receipt',
  dedupe: { by: ['user_message_reference', 'source', 'destination', 'text'], seconds: 60 },
};
