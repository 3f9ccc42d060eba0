import type { Pdu, PduInput } from 'smpp';
import { TestGateway } from '../support/gateway.ts';
import { Esme } from './esme.ts';
import { resources } from './resources.ts';
import { contentOf, ScriptedCarrier, type TakenSubmit } from './scripted-carrier.ts';

// Statuses of SMPP 3.4 §5.1.3.
export const RINVDSTADR = 0x0b;
export const RINVMSGID = 0x0c;
export const RCANCELFAIL = 0x11;
export const RREPLACEFAIL = 0x13;
export const RTHROTTLED = 0x58;
export const RQUERYFAIL = 0x67;
/** message_state of SMPP 3.4 §5.2.28. */
export const STATE = { ENROUTE: 1, DELIVERED: 2, DELETED: 4, UNDELIVERABLE: 5, REJECTED: 8 };

/** The sender of `Esme.submit`. */
export const SHOP = { source_addr_ton: 5, source_addr_npi: 0, source_addr: 'Shop' };

/** A node, a carrier that is paused when a test begins, and customers of it. Every segment costs 0.1. */
export class ManageStand {
  readonly carrier: ScriptedCarrier;
  readonly gateway: TestGateway;
  readonly #open: Esme[] = [];
  #numbers = 0;

  static async open(): Promise<ManageStand> {
    const carrier = await ScriptedCarrier.listen();
    const words = { name: 'words', bannedWords: { words: ['casino'], action: 'refuse' } };
    const gateway = await TestGateway.start(
      resources({
        policies: { clean: { rules: [words] } },
        terms: { onDelivery: { chargeOn: 'delivered' } },
        accounts: {
          alice: { policy: 'clean', credit: '100' },
          bob: { credit: '100' },
          latin: { defaultAlphabet: 'latin1' },
          later: { terms: 'onDelivery' },
          poor: { credit: '0.2' },
          slow: { bind: { segmentsPerSecond: 1, burst: 3 } },
        },
        tariffs: { standard: { '*': '0.1' } },
        carriers: { main: { port: carrier.port, prefix: '' } },
      }),
    );
    return new ManageStand(carrier, gateway);
  }

  private constructor(carrier: ScriptedCarrier, gateway: TestGateway) {
    this.carrier = carrier;
    this.gateway = gateway;
  }

  async close(): Promise<void> {
    for (const esme of this.#open) await esme.close();
    await this.gateway.close();
    await this.carrier.down();
  }

  /** A transceiver; of another version a transmitter, so that receipts go to the first. */
  async bind(systemId: string, version?: number): Promise<Esme> {
    const other = version === undefined ? {} : { version, as: 'transmitter' as const };
    const esme = await Esme.bind(this.gateway.port, { systemId, ...other });
    this.#open.push(esme);
    return esme;
  }

  /** A number that no other message of the file goes to. */
  number(): string {
    return `1202555${String(1000 + this.#numbers++)}`;
  }

  /** A message that waits for the carrier, once that is held. */
  async queued(esme: Esme, fields: PduInput = {}): Promise<{ id: string; to: string }> {
    const to = this.number();
    return { to, id: await esme.accepted({ destination_addr: to, ...fields }) };
  }

  hold(): Promise<void> {
    return this.gateway.setPaused('main', true);
  }

  release(): Promise<void> {
    return this.gateway.setPaused('main', false);
  }

  /** The first submit_sm to a number. */
  async first(to: string): Promise<TakenSubmit> {
    const [submit] = await this.carrier.taken(1, to);
    if (submit === undefined) throw new Error('taken');
    return submit;
  }

  /** What the first submit_sm to a number says. */
  async text(to: string): Promise<string> {
    return String(contentOf((await this.first(to)).pdu));
  }
}

export function query(esme: Esme, fields: PduInput): Promise<Pdu> {
  return ask(esme, 'query_sm', fields);
}

/** @returns command_status */
export async function cancel(esme: Esme, fields: PduInput): Promise<number> {
  return (await ask(esme, 'cancel_sm', fields)).command_status;
}

/** @returns command_status */
export async function replace(esme: Esme, fields: PduInput): Promise<number> {
  return (await ask(esme, 'replace_sm', { registered_delivery: 1, ...fields })).command_status;
}

function ask(
  esme: Esme,
  command: 'query_sm' | 'cancel_sm' | 'replace_sm',
  fields: PduInput,
): Promise<Pdu> {
  return new Promise((resolve, reject) => {
    esme.session.on('close', () => reject(new Error(`closed without a ${command}_resp`)));
    esme.session[command](fields, resolve);
  });
}
