import { join } from 'node:path';
import { pause } from './daemon-process.ts';
import { dialects, mixOfRun } from './dialects.ts';
import { type FigureOptions, type FigureReport, percent } from './figure.ts';
import { onStand, tellProfile } from './figure-stand.ts';
import { judgeMatching, type MatchingVerdict } from './judge-matching.ts';
import { queryLedger } from './ledger-query.ts';
import { MatchingBook } from './matching-book.ts';
import { type BenchCarrier, benchAccounts } from './resources.ts';
import { SimulatedCarriers } from './simulated-carriers.ts';
import { SimulatorProcess } from './simulators.ts';
import type { Stand } from './stand.ts';

/** What to measure. */
export interface MisbehaveOptions extends FigureOptions {
  messages: number;
  /** Submits a second, over all customers. */
  perSecond: number;
  /** Of the carriers' chances. */
  seed: number;
}

/** Each with numbers of its own: one digit of the last seven says whose, so that no two messages agree in those. */
const customers = 4;
const numberDigits = 6;
/** The last customer's texts need three segments. */
const longText = `Long message {n}: ${'we ask you to come by and to bring the parcel. '.repeat(8)}`;
/** Nothing new from any carrier for so long is the end: later than late receipts, and than an answer is waited for. */
const quietMs = 75_000;
const settleMs = 900_000;
/** Customers stay bound until they are told: receipts may come as late as anything. */
const customerWaitMs = 2 * settleMs;
/** From the first signal, which ends the submitting, to the second, which ends the waiting. */
const signalsApartMs = 500;
const unknownWaitSeconds = 5;

/**
 * Five carriers of five dialects, all misbehaving, ids to be found out: which receipts find their message.
 * @throws when there are more messages than numbers
 */
export async function measureMisbehave(options: MisbehaveOptions): Promise<FigureReport> {
  const most = customers * 10 ** numberDigits;
  if (options.messages > most) throw new Error(`there are numbers for ${most} messages`);
  const simulated = new SimulatedCarriers();
  const mix = Object.entries(mixOfRun).map(([name, share]) => `${name}=${share}`);
  try {
    const carriers: BenchCarrier[] = [];
    for (const [index, { name, args }] of dialects(options.messages).entries()) {
      const all = [
        ...['--mix', mix.join(','), '--seed', String(options.seed + index), ...args],
        ...['--receipt-states', 'DELIVRD=80,UNDELIV=12,EXPIRED=5,REJECTD=3'],
        ...['--receipt-err', 'destination', '--receipt-delay', '50', '--receipt-spread', '500'],
      ];
      const port = await simulated.start(name, all);
      carriers.push({ name, port, binds: 2, windowMax: 100, idBase: 'auto', unknownWaitSeconds });
    }
    const targets = carriers.map(({ name }) => ({ name, priority: 1 }));
    const own = {
      accounts: benchAccounts(customers),
      bindsPerAccount: 1,
      carriers,
      routes: [{ prefix: '', carriers: targets }],
    };
    return await onStand(options, own, (stand) => measure(stand, simulated, options));
  } finally {
    await simulated.end();
  }
}

async function measure(
  stand: Stand,
  simulated: SimulatedCarriers,
  options: MisbehaveOptions,
): Promise<FigureReport> {
  const problems: string[] = [];
  const running = startCustomers(stand, simulated, options);
  try {
    if (!(await simulated.untilQuiet(quietMs, longestMs(options))))
      problems.push('the carriers never rested');
    for (const { customer } of running) customer.signal('SIGTERM');
    await pause(signalsApartMs);
    for (const { customer, name } of running) {
      customer.signal('SIGTERM');
      const { accepted } = await customer.event('done');
      const wanted = Math.ceil(options.messages / customers);
      options.log(`${name}: ${accepted} of ${wanted} accepted`);
      if (accepted !== wanted) problems.push(`${name}: ${accepted} of ${wanted} accepted`);
    }
  } finally {
    for (const { customer } of running) await customer.end(0);
  }
  const owed = await simulated.stop();
  if (owed > 0) problems.push(`the gateway did not take ${owed} receipts`);
  const verdict = await judged(stand, simulated, options);
  options.log(JSON.stringify(verdict, null, 2));
  await tellProfile(stand, options);
  return { figures: figuresOf(verdict), detail: { misbehave: verdict }, problems };
}

/** Twice the time that the messages take at their rate, and what comes after. */
function longestMs({ messages, perSecond }: MisbehaveOptions): number {
  return (2 * messages * 1000) / Math.max(1, perSecond) + settleMs;
}

function startCustomers(
  stand: Stand,
  simulated: SimulatedCarriers,
  { messages, perSecond }: MisbehaveOptions,
): { customer: SimulatorProcess; name: string }[] {
  return benchAccounts(customers).map(({ name, password }, index) => {
    const isLong = index === customers - 1;
    const customer = new SimulatorProcess([
      ...['customer', '--port', String(stand.daemon.smppPort)],
      ...['--system-id', name, '--password', password, '--binds', '2', '--window', '50'],
      ...['--messages', String(Math.ceil(messages / customers))],
      ...['--rate', String(Math.ceil(perSecond / customers))],
      ...['--to', `966501${index}${'#'.repeat(numberDigits)}`],
      ...['--text', isLong ? longText : `misbehave ${index} {n}`],
      ...['--receipt-wait', String(customerWaitMs), '--log', bookOf(simulated, name)],
    ]);
    return { customer, name };
  });
}

async function judged(
  stand: Stand,
  simulated: SimulatedCarriers,
  { messages }: MisbehaveOptions,
): Promise<MatchingVerdict> {
  const book = new MatchingBook(numberDigits + 1, customers * 10 ** numberDigits);
  for (const { name } of benchAccounts(customers)) await book.readCustomer(bookOf(simulated, name));
  for (const { name } of dialects(messages)) await book.readCarrier(simulated.book(name));
  await queryLedger(stand.daemon, (client) => book.readStore(client));
  return judgeMatching(book);
}

function bookOf(simulated: SimulatedCarriers, name: string): string {
  return join(simulated.folder, `customer-${name}.jsonl`);
}

function figuresOf(verdict: MatchingVerdict): FigureReport['figures'] {
  const { named, matched, wrong, untold, messages } = verdict;
  return [
    {
      name: 'receipts that name a known id and found their message',
      goal: '100 %',
      measured: `${matched} of ${named}: ${percent(matched, named)}`,
      isReached: named > 0 && matched === named,
    },
    {
      name: 'matched to a wrong message',
      goal: '0',
      measured: `${wrong} of ${messages} messages`,
      isReached: wrong === 0,
    },
    {
      name: 'customers told nothing, or something else than was stored',
      goal: '0',
      measured: `${untold} of ${messages} messages`,
      isReached: untold === 0,
    },
  ];
}
