import { type Command, Option } from 'commander';
import { print, wholeNumber } from './cli-values.ts';
import { startSimulatedCustomer } from './customer.ts';
import type { CustomerSummary, SimulatedCustomerOptions } from './customer-options.ts';

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

/** Adds `simulate customer`. Its action rejects for a refused bind, a message not accepted or without receipt. */
export function addCustomerCommand(simulate: Command): void {
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
