import { type Command, InvalidArgumentError, Option } from 'commander';
import { startSimulatedCarrier } from './carrier.ts';
import {
  type CarrierBehaviour,
  type IdBase,
  type ReceiptOptions,
  type ReceiptState,
  receiptStates,
} from './carrier-options.ts';
import { destinationTable } from './carrier-plan.ts';
import { startSimulatedCustomer } from './customer.ts';
import type { CustomerSummary, SimulatedCustomerOptions } from './customer-options.ts';

/**
 * Adds `simulate carrier` and `simulate customer` to the program. Each runs
 * until its end or until SIGINT or SIGTERM. Their actions reject when they
 * failed: a port in use, a refused bind, a message not accepted or without receipt.
 */
export function addSimulateCommands(program: Command): void {
  const simulate = program
    .command('simulate')
    .description('a carrier or a customer to try things on, built on npm smpp');
  addCarrierCommand(simulate);
  addCustomerCommand(simulate);
}

interface CarrierFlags {
  host: string;
  port: number;
  systemId?: string;
  password?: string;
  responseIds: IdBase;
  receiptIds?: IdBase;
  receiptFormat: 'text' | 'tlv' | 'both';
  receiptDates: 'minutes' | 'seconds';
  receiptZone: number;
  receiptDelay: number;
  receiptSpread: number;
  receiptStates?: Partial<Record<ReceiptState, number>>;
  receiptCopies: number;
  receiptWindow: number;
  receipts: boolean;
  earlyReceipts?: boolean;
  silent?: boolean;
  answerDelay?: number;
  throttle?: number;
  cutAfter?: number;
  refuse?: Record<string, number>;
  table: boolean;
  log?: string;
  json?: boolean;
}

function addCarrierCommand(simulate: Command): void {
  const bases = ['text', 'decimal', 'hex'];
  simulate
    .command('carrier')
    .description('a carrier that answers submit_sm and returns receipts until it is stopped')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <n>', 'port to listen on; 0: any free one', wholeNumber, 2785)
    .option('--system-id <id>', 'the only system_id that may bind (default: any)')
    .option('--password <word>', 'the only password that may bind (default: any)')
    .addOption(baseOption('--response-ids <base>', 'ids in submit_sm_resp').default('decimal'))
    .addOption(baseOption('--receipt-ids <base>', 'ids in receipts (default: as in the response)'))
    .addOption(
      new Option('--receipt-format <where>', 'where receipts carry their fields')
        .choices(['text', 'tlv', 'both'])
        .default('both'),
    )
    .addOption(
      new Option('--receipt-dates <grain>', 'dates to the minute or to the second')
        .choices(['minutes', 'seconds'])
        .default('minutes'),
    )
    .option('--receipt-zone <minutes>', 'clock zone of the dates, east of UTC', signedNumber, 0)
    .option('--receipt-delay <ms>', 'from answer to receipt', wholeNumber, 0)
    .option('--receipt-spread <ms>', 'added to the delay, by chance', wholeNumber, 0)
    .option('--receipt-states <weights>', 'as DELIVRD=95,UNDELIV=4,EXPIRED=1', stateWeights)
    .option('--receipt-copies <n>', 'each receipt this many times', wholeNumber, 1)
    .option('--receipt-window <n>', 'unanswered receipts on one session', wholeNumber, 100)
    .option('--no-receipts', 'no receipts at all')
    .option('--early-receipts', 'receipts before the submit_sm_resp')
    .option('--silent', 'takes submits, answers none')
    .option('--answer-delay <ms>', 'answers this late', wholeNumber)
    .option('--throttle <n>', 'ESME_RTHROTTLED above this many a second', wholeNumber)
    .option('--cut-after <n>', 'cuts a session at its nth submit', wholeNumber)
    .option('--refuse <table>', 'status by destination prefix, as 7=0x0b,9665=0x58', statusTable)
    .option('--no-table', 'the last digits of destinations mean nothing')
    .option('--log <file>', 'JSON lines of every submit and receipt, written before the answer')
    .option('--json', 'one JSON object a line')
    .addHelpText('after', tableHelp())
    .action((flags: CarrierFlags) => runCarrier(flags));

  function baseOption(flag: string, text: string): Option {
    return new Option(flag, text).choices(bases);
  }
}

async function runCarrier(flags: CarrierFlags): Promise<void> {
  const carrier = await startSimulatedCarrier({
    host: flags.host,
    port: flags.port,
    ...(flags.systemId !== undefined && { systemId: flags.systemId }),
    ...(flags.password !== undefined && { password: flags.password }),
    ids: { response: flags.responseIds, receipt: flags.receiptIds ?? flags.responseIds },
    receipts: receiptOptions(flags),
    behaviour: behaviour(flags),
    destinationTable: flags.table,
    ...(flags.log !== undefined && { log: flags.log }),
  });
  const { host, port } = carrier;
  print(flags.json, { event: 'listening', host, port }, `carrier listening on ${host}:${port}`);
  await untilSignal();
  const stats = carrier.stats();
  await carrier.close();
  print(flags.json, { event: 'stopped', ...stats }, `carrier stopped: ${JSON.stringify(stats)}`);
}

function receiptOptions(flags: CarrierFlags): ReceiptOptions {
  return {
    delayMs: flags.receiptDelay,
    delaySpreadMs: flags.receiptSpread,
    ...(flags.receiptStates && { states: flags.receiptStates }),
    format: flags.receiptFormat,
    dates: flags.receiptDates,
    zoneMinutes: flags.receiptZone,
    sent: flags.receipts,
    early: flags.earlyReceipts ?? false,
    copies: flags.receiptCopies,
    windowMax: flags.receiptWindow,
  };
}

function behaviour(flags: CarrierFlags): CarrierBehaviour {
  return {
    silent: flags.silent ?? false,
    ...(flags.answerDelay !== undefined && { answerDelayMs: flags.answerDelay }),
    ...(flags.throttle !== undefined && { throttlePerSecond: flags.throttle }),
    ...(flags.cutAfter !== undefined && { cutAfter: flags.cutAfter }),
    ...(flags.refuse && { statusByPrefix: flags.refuse }),
  };
}

interface CustomerFlags {
  host: string;
  port: number;
  systemId: string;
  password: string;
  bindAs: 'transmitter' | 'receiver' | 'transceiver';
  binds: number;
  messages: number;
  rate: number;
  window: number;
  from: string;
  to: string;
  text: string;
  registeredDelivery: number;
  receiptWait: number;
  tls?: boolean;
  log?: string;
  logSync?: boolean;
  json?: boolean;
}

function addCustomerCommand(simulate: Command): void {
  simulate
    .command('customer')
    .description('a customer that submits messages and takes their receipts')
    .option('--host <address>', 'the gateway', '127.0.0.1')
    .option('--port <n>', 'its SMPP port', wholeNumber, 2775)
    .requiredOption('--system-id <id>', 'system_id of the bind')
    .requiredOption('--password <word>', 'its password')
    .addOption(
      new Option('--bind-as <type>', 'kind of bind')
        .choices(['transmitter', 'receiver', 'transceiver'])
        .default('transceiver'),
    )
    .option('--binds <n>', 'sessions', wholeNumber, 1)
    .option('--messages <n>', 'how many to submit; 0: only receive, until stopped', wholeNumber, 1)
    .option('--rate <n>', 'submits a second; 0: as the windows allow', wholeNumber, 0)
    .option('--window <n>', 'unanswered submits on one session', wholeNumber, 10)
    .option('--from <sender>', 'source_addr', 'smppgate')
    .option('--to <digits>', 'destination; each # a digit of the message number', '96650#######')
    .option('--text <text>', '{n} becomes the message number', 'message {n}')
    .option('--registered-delivery <n>', 'as SMPP 3.4 §5.2.17', wholeNumber, 1)
    .option('--receipt-wait <ms>', 'patience after the last receipt', wholeNumber, 30_000)
    .option('--tls', 'over TLS, the certificate verified')
    .option('--log <file>', 'JSON lines of every submit, answer and receipt')
    .option('--log-sync', 'fsync the log at each write')
    .option('--json', 'one JSON object a line')
    .action((flags: CustomerFlags) => runCustomer(flags));
}

async function runCustomer(flags: CustomerFlags): Promise<void> {
  const customer = startSimulatedCustomer(customerOptions(flags));
  // The first signal ends the submitting, the second the waiting for receipts.
  let signals = 0;
  const stop = () => {
    signals += 1;
    void (signals === 1 ? customer.drain() : customer.stop());
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  try {
    const summary = await customer.done;
    print(flags.json, { event: 'done', ...summary }, describeSummary(summary));
    const { submitted, accepted, withoutReceipt } = summary;
    if (accepted < submitted) throw new Error(`${submitted - accepted} messages were not accepted`);
    if (withoutReceipt > 0) throw new Error(`${withoutReceipt} messages are without a receipt`);
  } finally {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  }
}

function customerOptions(flags: CustomerFlags): SimulatedCustomerOptions {
  return {
    host: flags.host,
    port: flags.port,
    systemId: flags.systemId,
    password: flags.password,
    bindAs: flags.bindAs,
    binds: flags.binds,
    messages: flags.messages,
    ratePerSecond: flags.rate,
    windowMax: flags.window,
    source: flags.from,
    destination: flags.to,
    text: flags.text,
    registeredDelivery: flags.registeredDelivery,
    receiptWaitMs: flags.bindAs === 'transmitter' ? 0 : flags.receiptWait,
    ...(flags.tls && { tls: {} }),
    ...(flags.log !== undefined && { log: flags.log }),
    logSync: flags.logSync ?? false,
  };
}

function describeSummary(summary: CustomerSummary): string {
  const states = Object.entries(summary.receipts).map(([state, count]) => `${state} ${count}`);
  const refused = Object.entries(summary.refused).map(([status, count]) => `${status} ${count}`);
  return [
    `submitted ${summary.submitted}, accepted ${summary.accepted}, refused ${refused.join(', ') || 0}, unanswered ${summary.unanswered}`,
    `receipts: ${states.join(', ') || 'none'} (${summary.repeatedReceipts} repeated, ${summary.withoutReceipt} missing)`,
    `answers: p50 ${summary.answerP50Ms} ms, p99 ${summary.answerP99Ms} ms; ${(summary.elapsedMs / 1000).toFixed(1)} s in all`,
  ].join('\n');
}

function tableHelp(): string {
  const rows = Object.entries(destinationTable).map(
    ([suffix, { describe }]) => `  …${suffix}  ${describe}`,
  );
  return `\nWhat the last six digits of a destination do:\n${rows.join('\n')}`;
}

function print(isJson: boolean | undefined, event: object, text: string): void {
  process.stdout.write(`${isJson ? JSON.stringify(event) : text}\n`);
}

function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
}

function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('a whole number is needed');
  return Number(text);
}

function signedNumber(text: string): number {
  if (!/^-?\d{1,9}$/.test(text)) throw new InvalidArgumentError('a whole number is needed');
  return Number(text);
}

function stateWeights(text: string): Partial<Record<ReceiptState, number>> {
  const weights: Partial<Record<ReceiptState, number>> = {};
  for (const pair of text.split(',')) {
    const [state = '', weight = ''] = pair.split('=');
    if (!isState(state)) {
      throw new InvalidArgumentError(`states are ${Object.keys(receiptStates).join(' ')}`);
    }
    weights[state] = wholeNumber(weight);
  }
  return weights;
}

function isState(word: string): word is ReceiptState {
  return Object.hasOwn(receiptStates, word);
}

function statusTable(text: string): Record<string, number> {
  const table: Record<string, number> = {};
  for (const pair of text.split(',')) {
    const [prefix = '', status = ''] = pair.split('=');
    const number = Number(status);
    if (!/^\d*$/.test(prefix) || status === '' || !Number.isInteger(number) || number < 1) {
      throw new InvalidArgumentError('as 7=0x0b,9665=0x58');
    }
    table[prefix] = number;
  }
  return table;
}
