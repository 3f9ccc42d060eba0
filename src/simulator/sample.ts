import { startSimulatedCustomer } from './customer.ts';

/** How long the sample's receipt may take. */
const RECEIPT_WAIT_MS = 15_000;

/**
 * Sends one message to a number of the +966 50 range by a bind of its own and waits for its receipt.
 * @returns its message_id
 * @throws Error when the bind or the message was refused, or nothing came back in time
 */
export async function sendSample(target: {
  readonly host: string;
  readonly port: number;
  readonly password: string;
}): Promise<string> {
  let id = '';
  const customer = startSimulatedCustomer({
    ...target,
    systemId: 'demo',
    messages: 1,
    source: 'smppgate',
    destination: '96650#######',
    text: 'Hello from smppgate',
    receiptWaitMs: RECEIPT_WAIT_MS,
    rebind: false,
    onEvent: (event) => {
      if (event.event === 'answer') id = event.id;
    },
  });
  const summary = await customer.done;
  if (id === '')
    throw new Error(`the sample message was not accepted: ${JSON.stringify(summary.refused)}`);
  return id;
}
