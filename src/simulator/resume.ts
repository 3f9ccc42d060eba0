import { createReadStream, existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { carrierId, numberOf } from './carrier-ids.ts';
import type { CarrierEvent, SimulatedCarrierOptions } from './carrier-options.ts';
import type { OwedReceipt } from './receipt-pdu.ts';

type Submit = Extract<CarrierEvent, { event: 'submit' }>;

/**
 * Reads a carrier's own book and gives the receipts that it still owes: one for each message taken whose receipt
 * nobody has answered with status 0. So a carrier that was killed goes on as one with a disk does.
 */
export async function receiptsOwedBy(
  file: string,
  options: SimulatedCarrierOptions,
): Promise<OwedReceipt[]> {
  const open = new Map<string, Submit>();
  if (!existsSync(file)) return [];
  const lines = createInterface({ input: createReadStream(file), crlfDelay: Infinity });
  for await (const line of lines) {
    const event = parsed(line);
    if (event?.event === 'submit' && event.state !== undefined) open.set(keyOf(event), event);
    else if (event?.event === 'receiptAnswer' && event.status === 0)
      open.delete(keyOf({ id: event.answerId, destination: event.destination }));
  }
  return [...open.values()].map((submit) => receiptOf(submit, options));
}

function receiptOf(submit: Submit, options: SimulatedCarrierOptions): OwedReceipt {
  const { response = 'decimal', receipt: base = response } = options.ids ?? {};
  const { id, source, destination, state = 'DELIVRD', at } = submit;
  const isNumber = /^\d+$/.test(source);
  return {
    id: response === 'text' ? id : carrierId(numberOf(id, response), base),
    answerId: id,
    source,
    sourceTon: isNumber ? 1 : 5,
    sourceNpi: isNumber ? 1 : 0,
    destination,
    writtenNumber: destination,
    destinationTon: 1,
    destinationNpi: 1,
    state,
    // The book has no texts.
    head: '',
    submittedAt: at,
    format: options.receipts?.format,
    carriage: options.receipts?.carriage,
    binary: options.receipts?.binary ?? false,
    attempts: 0,
  };
}

function keyOf({ id, destination }: { id: string; destination: string }): string {
  return `${id} ${destination}`;
}

/** The last line may be cut short by the kill. */
function parsed(line: string): CarrierEvent | undefined {
  try {
    return JSON.parse(line) as CarrierEvent;
  } catch {
    return undefined;
  }
}
