import { PASSWORD } from '../../gateway/resources.ts';
import type { Customer, Given } from './customer.ts';
import type { ProviderFile } from './provider-file.ts';
import type { Provider } from './stage.ts';

/*
 * Refund requests as an operator makes them, over HTTP and by command.
 */

/** The carrier's own status that refund-window.yaml maps to a fault of the platform. */
export const OUR_FAULT = 0x400;
/** A number abroad, seen from Pakistan. */
export const ABROAD = '971501234567';

/** A refund request as the API shows it. */
export interface ShownRequest {
  readonly id: string;
  readonly state: string;
  readonly messages: number;
  readonly unknown: number;
  readonly credits: string;
  readonly decision?: { readonly reason: string; readonly by: string };
  readonly dueAt?: string;
  readonly items: readonly {
    readonly asked: string;
    readonly finding: string;
    readonly credits: string;
    readonly evidence: Record<string, unknown>;
  }[];
}

/** Sends one and waits for its end; the id that its customer has. */
export async function ended(customer: Customer, given: Given): Promise<string> {
  await customer.send({ destination_addr: ABROAD, ...given });
  const id = (await customer.esme()).receipts.at(-1)?.id;
  if (id === undefined) throw new Error('a message that ended has a receipt');
  return id;
}

/** An account like one of the file, with an opening credit of 100. */
export function buyer(
  provider: Provider,
  like: string,
  fields: Readonly<Record<string, unknown>> = {},
): Promise<Customer> {
  return provider.customer(like, { credit: '100', ...fields });
}

let references = 0;

/** POST /v1/refund-requests. */
export function ask(
  customer: Customer,
  messages: readonly string[],
  reference = `ticket ${++references}`,
): Promise<ShownRequest> {
  const body = { account: customer.name, reference, reason: 'not delivered', messages };
  return customer.provider.http('POST', '/v1/refund-requests', body);
}

export function show(provider: Provider, id: string): Promise<ShownRequest> {
  return provider.http('GET', `/v1/refund-requests/${id}`);
}

export function decide(
  provider: Provider,
  id: string,
  decision: 'approve' | 'refuse' | 'investigate',
): Promise<ShownRequest> {
  const path = `/v1/refund-requests/${id}/decision`;
  return provider.http('POST', path, { decision, reason: 'looked into' });
}

export function pay(provider: Provider, id: string, reference: string): Promise<ShownRequest> {
  return provider.http('POST', `/v1/refund-requests/${id}/payment`, { reference });
}

/** What the finding of each message is. */
export function findings({ items }: ShownRequest): string[] {
  return items.map(({ finding }) => finding);
}

/** Makes the purchases of an account look so many seconds old. */
export async function boughtBefore(customer: Customer, seconds: number): Promise<void> {
  await customer.provider.sql(
    `update top_up set at = now() - $2 * interval '1 second'
     where account = (select id from account where name = $1)`,
    [customer.name, seconds],
  );
}

/** Of an `exchange`: the passwords of the file's own accounts are those that tests bind with. */
export function knownPasswords({ accounts }: ProviderFile): void {
  for (const { binds } of accounts) for (const bind of binds) bind.password = PASSWORD;
}
