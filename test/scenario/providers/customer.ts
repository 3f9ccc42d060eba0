import type { PduInput } from 'smpp';
import { expect } from 'vitest';
import type { Esme, TakenReceipt } from '../../gateway/esme.ts';
import type { ReceiptWords, ScriptedCarrier, TakenSubmit } from '../../gateway/scripted-carrier.ts';
import type { Provider } from './stage.ts';

/** What is sent, and what its carrier then says of it. */
export interface Given extends PduInput {
  /** Its receipt, DELIVRD by default; null: none comes. */
  readonly receipt?: ReceiptWords | null;
  /** command_status of the carrier's submit_sm_resp. */
  readonly carrierStatus?: number;
}

/** How a submit ended: for its customer, and in his books. */
export interface Ending {
  readonly status: number;
  /** The state that his receipt says. */
  readonly receipt?: string;
  /** New entries of his ledger, such as "charge -0.05", "reserve +0.05r". */
  readonly entries: readonly string[];
  /** `credits` of GET /v1/accounts/{name}/balance. */
  readonly balance: string;
}

/** An account of a provider, bound when it first sends. */
export class Customer {
  readonly provider: Provider;
  readonly name: string;
  readonly systemId: string;
  #esme: Esme | undefined;

  constructor(provider: Provider, name: string, systemId = name) {
    this.provider = provider;
    this.name = name;
    this.systemId = systemId;
  }

  /** Its session; a new one when the last was closed. */
  async esme(): Promise<Esme> {
    if (this.#esme === undefined || this.#esme.closed)
      this.#esme = await this.provider.bind(this.systemId);
    return this.#esme;
  }

  /**
   * Submits, lets the carrier that gets it answer, awaits the receipt, and looks what that did to the money.
   * @param awaits false: no receipt is expected, such as of a held message
   */
  async send(
    { receipt = {}, carrierStatus = 0, ...fields }: Given,
    awaits = receipt !== null,
  ): Promise<Ending> {
    const before = (await this.entries()).length;
    const esme = await this.esme();
    const { provider } = this;
    for (const carrier of provider.carriers.values())
      carrier.onSubmit = (submit) => {
        if (carrierStatus !== 0) return carrier.refuse(submit, carrierStatus);
        carrier.accept(submit);
        if (receipt !== null) void sendReceipt(carrier, submit, receipt);
      };
    const { command_status: status, message_id: id } = await esme.submit(fields);
    let taken: TakenReceipt | undefined;
    if (status === 0 && awaits) taken = await esme.receiptOf(id ?? '');
    return {
      status,
      ...(taken && { receipt: taken.state }),
      entries: (await this.entries()).slice(before),
      balance: (await this.balance()).credits,
    };
  }

  balance(): Promise<{ credits: string; reserved: string; available: string; expiresAt: string }> {
    return this.provider.http('GET', `/v1/accounts/${this.name}/balance`);
  }

  /** Its statement, an entry a line: kind, amount, and with `r` what it reserves or frees; without entries of nothing. */
  async entries(): Promise<string[]> {
    const { entries } = await this.provider.http<{ entries: StatementEntry[] }>(
      'GET',
      `/v1/accounts/${this.name}/statement?limit=1000`,
    );
    return entries
      .map(({ kind, amount, reserved }) => [kind, ...signed(amount), ...signed(reserved, 'r')])
      .filter((words) => words.length > 1)
      .map((words) => words.join(' '));
  }

  topUp(credits: string, reference: string): Promise<object> {
    const path = `/v1/accounts/${this.name}/top-ups`;
    return this.provider.http('POST', path, { credits, reference });
  }
}

/** As carriers do: again, while it is not taken. */
async function sendReceipt(carrier: ScriptedCarrier, submit: TakenSubmit, words: ReceiptWords) {
  for (let tries = 0; tries < RECEIPT_TRIES; tries++)
    if ((await carrier.receipt(submit, words).catch(() => -1)) === 0) return;
}

/** Enough for a gateway that is busy for a moment. */
const RECEIPT_TRIES = 10;

interface StatementEntry {
  readonly kind: string;
  readonly amount: string;
  readonly reserved: string;
}

function signed(amount: string, unit = ''): string[] {
  if (amount === '0') return [];
  return [`${amount.startsWith('-') ? '' : '+'}${amount}${unit}`];
}

/** Who sends, and how it must end for him. */
export type Side = readonly [customer: Customer, ending: Ending];

/**
 * The same input of two customers, each of another provider: it ends for each as said, and not for both alike.
 * Balances differ by prices anyway, so what must differ is the status, the receipt or the kinds of entries.
 */
export async function twin(given: Given, ...sides: readonly [Side, Side]): Promise<void> {
  const [one, other] = sides.map(([, { status, receipt, entries }]) =>
    JSON.stringify([status, receipt, entries.map((entry) => entry.split(' ')[0])]),
  );
  expect(one).not.toBe(other);
  for (const [customer, ending] of sides)
    expect(await customer.send(given, 'receipt' in ending), customer.provider.kind).toEqual(ending);
}
