import { InvalidArgumentError } from 'commander';
import { type ReceiptState, receiptStates } from './carrier-options.ts';
import { everything, isMisbehaviour, type Mix, misbehaviours } from './misbehaviours.ts';

/** Prints one event: as JSON on a line, or as text. */
export function print(isJson: boolean | undefined, event: object, text: string): void {
  process.stdout.write(`${isJson ? JSON.stringify(event) : text}\n`);
}

/** Settles with SIGINT or SIGTERM. */
export function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
}

/** Digits only. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('a whole number is needed');
  return Number(text);
}

/** Digits with or without a minus. */
export function signedNumber(text: string): number {
  if (!/^-?\d{1,9}$/.test(text)) throw new InvalidArgumentError('a whole number is needed');
  return Number(text);
}

/** As `DELIVRD=95,UNDELIV=4`. */
export function stateWeights(text: string): Partial<Record<ReceiptState, number>> {
  const weights: Partial<Record<ReceiptState, number>> = {};
  for (const [state, weight] of pairs(text)) {
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

/** As `7=0x0b,9665=0x58`. */
export function statusTable(text: string): Record<string, number> {
  const table: Record<string, number> = {};
  for (const [prefix, status] of pairs(text)) {
    if (!/^\d*$/.test(prefix)) throw new InvalidArgumentError('as 7=0x0b,9665=0x58');
    table[prefix] = commandStatus(status);
  }
  return table;
}

/** As 0x58 or 88, not 0. */
export function commandStatus(text: string): number {
  const status = Number(text);
  if (!/^(0x[\da-f]+|\d+)$/i.test(text) || status < 1 || status > 0xffffffff)
    throw new InvalidArgumentError('a command_status as 0x58 is needed');
  return status;
}

/** As `early=5,duplicate=0.5`, in percent of the submits; `everything=P` for each that is not named. */
export function mix(text: string): Mix {
  const mixed: Mix = {};
  let rest: Mix = {};
  for (const [name, percent] of pairs(text)) {
    const share = Number(percent === '' ? '1' : percent) / 100;
    if (!(share >= 0 && share <= 1)) throw new InvalidArgumentError('0 to 100 percent');
    if (name === 'everything') rest = everything(share);
    else if (isMisbehaviour(name)) mixed[name] = share;
    else
      throw new InvalidArgumentError(
        `there are everything, ${Object.keys(misbehaviours).join(', ')}`,
      );
  }
  return { ...rest, ...mixed };
}

/** As `127.0.0.1:2775`. */
export function hostAndPort(text: string): { host: string; port: number } {
  const [, host = '', port = ''] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  if (host === '') throw new InvalidArgumentError('as 127.0.0.1:2775');
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) };
}

function pairs(text: string): [string, string][] {
  return text.split(',').map((pair) => {
    const [name = '', value = ''] = pair.split('=');
    return [name.trim(), value.trim()];
  });
}
