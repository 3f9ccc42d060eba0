import { parseArgs } from 'node:util';
import { fuzz } from './run.ts';

const USAGE = `node test/fuzz/main.ts [--pdus N] [--seed N] [--settle SECONDS] [--no-tshark]

Sends N mutated PDUs (default 100,000) to a daemon of its own, before and after valid binds, beside a session that
works; then looks at memory, sockets, that session's books, and has tshark judge what our codec accepted.
Exit code 0: passed; 1: a fault, said on stdout; 2: bad usage.`;

const MEMORY_SHARE = 0.1;
const WARM_UP_SHARE = 0.1;
/** The quiet session: enough to notice, little beside the attack. */
const QUIET_RATE = 50;

process.exitCode = await main();

async function main(): Promise<number> {
  const given = options();
  if (given === undefined) {
    console.log(USAGE);
    return 2;
  }
  const { faults } = await fuzz({
    pdus: given.pdus,
    seed: given.seed,
    warmUpPdus: Math.ceil(given.pdus * WARM_UP_SHARE),
    settleMs: given.settle * 1_000,
    memoryShare: MEMORY_SHARE,
    quietRate: QUIET_RATE,
    dissect: given.tshark,
    say: (line) => console.log(line),
  });
  for (const fault of faults.slice(0, 20)) console.log(`FAULT: ${fault}`);
  console.log(faults.length === 0 ? 'passed' : `failed: ${faults.length} faults`);
  return faults.length === 0 ? 0 : 1;
}

function options(): { pdus: number; seed: number; settle: number; tshark: boolean } | undefined {
  try {
    const { values } = parseArgs({
      allowNegative: true,
      options: {
        pdus: { type: 'string', default: '100000' },
        seed: { type: 'string', default: '1' },
        settle: { type: 'string', default: '60' },
        tshark: { type: 'boolean', default: true },
      },
    });
    const [pdus, seed, settle] = [Number(values.pdus), Number(values.seed), Number(values.settle)];
    if (![pdus, seed, settle].every((number) => Number.isInteger(number) && number >= 0))
      return undefined;
    return { pdus, seed, settle, tshark: values.tshark };
  } catch {
    return undefined;
  }
}
