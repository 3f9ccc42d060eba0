import { type Command, Option } from 'commander';
import { startSimulatedCarrier } from './carrier.ts';
import {
  type CarrierBehaviour,
  type IdBase,
  idBases,
  type ReceiptOptions,
  type ReceiptState,
  type SimulatedCarrierOptions,
} from './carrier-options.ts';
import { destinationTable } from './carrier-plan.ts';
import {
  commandStatus,
  hostAndPort,
  mix,
  print,
  signedNumber,
  stateWeights,
  statusTable,
  untilSignal,
  wholeNumber,
} from './cli-values.ts';
import { type Mix, misbehaviours } from './misbehaviours.ts';
import { type LimitKind, limitKinds } from './rate-limiter.ts';
import { seededRandom } from './seeded.ts';

interface CarrierFlags {
  host: string;
  port: number;
  systemId?: string;
  password?: string;
  outbind?: { host: string; port: number };
  responseIds: IdBase;
  receiptIds?: IdBase;
  firstId?: number;
  idsInAll?: number;
  receiptFormat: 'text' | 'tlv' | 'both';
  receiptText?: string;
  receiptDataSm?: boolean;
  receiptBinary?: boolean;
  receiptErr: 'state' | 'destination';
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
  window?: number;
  throttle?: number;
  throttleKind: LimitKind;
  throttleBurst?: number;
  throttleTolerance?: number;
  throttleStatus?: number;
  congestion?: boolean;
  cutAfter?: number;
  refuse?: Record<string, number>;
  bindStatus?: number;
  refusedBinds?: number;
  unbindEvery?: number;
  enquireAnswers: boolean;
  mix?: Mix;
  seed?: number;
  table: boolean;
  log?: string;
  resume?: boolean;
  json?: boolean;
}

/** Adds `simulate carrier`. Its action rejects when the port cannot be had. */
export function addCarrierCommand(simulate: Command): void {
  const command = simulate
    .command('carrier')
    .description('a carrier that answers submit_sm and returns receipts until it is stopped');
  addLinkOptions(command);
  addReceiptOptions(command);
  addAnswerOptions(command);
  command
    .option('--mix <shares>', 'misbehaviours by chance, percent of submits: see below', mix)
    .option('--seed <n>', 'of all chances', wholeNumber)
    .option('--no-table', 'the last digits of destinations mean nothing')
    .option('--log <file>', 'JSON lines of every submit and receipt, written before the answer')
    .option('--resume', 'goes on with that log: owes the receipts that stand out in it')
    .option('--json', 'one JSON object a line')
    .addHelpText('after', helpAfter())
    .action((flags: CarrierFlags) => runCarrier(flags));
}

function addLinkOptions(command: Command): void {
  command
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <n>', 'port to listen on; 0: any free one', wholeNumber, 2785)
    .option('--system-id <id>', 'the only system_id that may bind (default: any)')
    .option('--password <word>', 'the only password that may bind (default: any)')
    .option('--outbind <host:port>', 'connects there, sends an outbind and waits', hostAndPort)
    .option('--bind-status <status>', 'refuses binds, as 0x05 (ESME_RALYBND)', commandStatus)
    .option('--refused-binds <n>', 'only so many of them, then takes the next', wholeNumber)
    .option('--unbind-every <ms>', 'sends an unbind so long after each bind', wholeNumber)
    .option('--no-enquire-answers', 'enquire_link is not answered');
}

function addReceiptOptions(command: Command): void {
  const base = (flag: string, text: string) => new Option(flag, text).choices([...idBases]);
  command
    .addOption(base('--response-ids <base>', 'ids in submit_sm_resp').default('decimal'))
    .addOption(base('--receipt-ids <base>', 'ids in receipts (default: as in the response)'))
    .option('--first-id <n>', 'number of the first message (default: from the time)', wholeNumber)
    .option('--ids-in-all <n>', 'the numbers start again after so many', wholeNumber)
    .addOption(
      new Option('--receipt-format <where>', 'where receipts carry their fields')
        .choices(['text', 'tlv', 'both'])
        .default('both'),
    )
    .option(
      '--receipt-text <pattern>',
      'with {id} {sub} {dlvrd} {submit} {done} {stat} {err} {text} (default: SMPP 3.4 appendix B)',
    )
    .option('--receipt-data-sm', 'receipts in data_sm')
    .option('--receipt-binary', 'receipts with data_coding 4 and ASCII inside')
    .addOption(
      new Option(
        '--receipt-err <by>',
        'err of receipts: by state, or the last digits of the number',
      )
        .choices(['state', 'destination'])
        .default('state'),
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
    .option('--early-receipts', 'receipts before the submit_sm_resp');
}

function addAnswerOptions(command: Command): void {
  command
    .option('--silent', 'takes submits, answers none')
    .option('--answer-delay <ms>', 'answers this late', wholeNumber)
    .option('--window <n>', 'ESME_RMSGQFUL above so many unanswered on a session', wholeNumber)
    .option('--throttle <n>', 'ESME_RTHROTTLED above this many a second', wholeNumber)
    .addOption(
      new Option('--throttle-kind <kind>', 'counted by the second, in a bucket, or as a least gap')
        .choices([...limitKinds])
        .default('second'),
    )
    .option('--throttle-burst <n>', 'of a bucket (default: one second)', wholeNumber)
    .option('--throttle-tolerance <ms>', 'of a gap', wholeNumber)
    .option('--throttle-status <status>', 'instead, as 0x14 (ESME_RMSGQFUL)', commandStatus)
    .option('--congestion', 'congestion_state in positive answers: how much of the rate is used')
    .option('--cut-after <n>', 'cuts a session at its nth submit', wholeNumber)
    .option('--refuse <table>', 'status by destination prefix, as 7=0x0b,9665=0x58', statusTable);
}

async function runCarrier(flags: CarrierFlags): Promise<void> {
  const carrier = await startSimulatedCarrier(carrierOptions(flags));
  const { host, port } = carrier;
  print(flags.json, { event: 'listening', host, port }, `carrier listening on ${host}:${port}`);
  await untilSignal();
  const stats = carrier.stats();
  await carrier.close();
  print(flags.json, { event: 'stopped', ...stats }, `carrier stopped: ${JSON.stringify(stats)}`);
}

function carrierOptions(flags: CarrierFlags): SimulatedCarrierOptions {
  return {
    host: flags.host,
    port: flags.port,
    ...(flags.systemId !== undefined && { systemId: flags.systemId }),
    ...(flags.password !== undefined && { password: flags.password }),
    ...(flags.outbind && { outbind: flags.outbind }),
    ids: { response: flags.responseIds, receipt: flags.receiptIds ?? flags.responseIds },
    ...(flags.firstId !== undefined && { firstId: flags.firstId }),
    ...(flags.idsInAll !== undefined && { idsInAll: flags.idsInAll }),
    receipts: receiptOptions(flags),
    behaviour: behaviour(flags),
    destinationTable: flags.table,
    ...(flags.log !== undefined && { log: flags.log }),
    resume: flags.resume ?? false,
    ...(flags.seed !== undefined && { random: seededRandom(flags.seed) }),
  };
}

function receiptOptions(flags: CarrierFlags): ReceiptOptions {
  return {
    delayMs: flags.receiptDelay,
    delaySpreadMs: flags.receiptSpread,
    ...(flags.receiptStates && { states: flags.receiptStates }),
    format: flags.receiptFormat,
    ...(flags.receiptText !== undefined && { text: flags.receiptText }),
    ...(flags.receiptDataSm && { carriage: 'data_sm' }),
    binary: flags.receiptBinary ?? false,
    errByDestination: flags.receiptErr === 'destination',
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
    ...(flags.window !== undefined && { windowMax: flags.window }),
    ...(flags.throttle !== undefined && { throttlePerSecond: flags.throttle }),
    throttleKind: flags.throttleKind,
    ...(flags.throttleBurst !== undefined && { throttleBurst: flags.throttleBurst }),
    ...(flags.throttleTolerance !== undefined && { throttleToleranceMs: flags.throttleTolerance }),
    ...(flags.throttleStatus !== undefined && { throttleStatus: flags.throttleStatus }),
    congestion: flags.congestion ?? false,
    ...(flags.cutAfter !== undefined && { cutAfter: flags.cutAfter }),
    ...(flags.refuse && { statusByPrefix: flags.refuse }),
    ...(flags.bindStatus !== undefined && { bindStatus: flags.bindStatus }),
    ...(flags.refusedBinds !== undefined && { refusedBinds: flags.refusedBinds }),
    ...(flags.unbindEvery !== undefined && { unbindEveryMs: flags.unbindEvery }),
    answersEnquireLink: flags.enquireAnswers,
    ...(flags.mix && { mix: flags.mix }),
  };
}

function helpAfter(): string {
  const names = Object.entries(misbehaviours).map(
    ([name, { describe, digits }]) => `  ${name.padEnd(15)} …99${digits}  ${describe}`,
  );
  const rest = Object.entries(destinationTable)
    .filter(
      ([digits]) => !Object.values(misbehaviours).some((each) => `99${each.digits}` === digits),
    )
    .map(([digits, { describe }]) => `  ${''.padEnd(15)} …${digits}  ${describe}`);
  return [
    '',
    'Misbehaviours: by their names in --mix, as early=5,duplicate=2.5 (percent of the submits, each drawn by itself;',
    '100: always). everything=5 is each of them at 5, those that cut, silence or end a session at a fiftieth of it.',
    'Or by the last six digits of a destination, and those alone:',
    ...names,
    ...rest,
  ].join('\n');
}
