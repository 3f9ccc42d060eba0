import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { COMMANDS, type CommandName } from '../../src/smpp/pdu.ts';
import { assemble, cstring, type Draft, draftOf, headerOnly, OPERATIONS, tlv } from './drafts.ts';
import { mutateFramed, mutateFraming } from './mutations.ts';
import type { Random } from './random.ts';
import { type SeenPdu, WirePeer } from './wire-peer.ts';

/** Mutated PDUs on one session before a marker: fewer than SESSION_DEFAULTS.malformedInARowMax. */
const BATCH_MAX = 15;
/** Between two batches on one session, in ms. */
const BATCH_EVERY_MS = 20;
/** A batch that ends in lost framing: the link binds again after a backoff. */
const BREAK_FRAMING = 0.002;
const ANSWER_MS = 30_000;
/** Share of the receipts before which a mutated one of the same message goes. */
const MUTATED_RECEIPT = 0.3;
const RECEIPT_TEXT =
  'sub:001 dlvrd:001 submit date:2601010000 done date:2601010000 stat:DELIVRD err:000 text:hello';
/** message_state DELIVERED, SMPP 3.4 §5.2.28. */
const DELIVERED = 2;
const ESM_CLASS_RECEIPT = 0x04;
const RESPONSE = 0x80000000;
const MARKER = 0x5b5b0000;
const TASTE = { destination: '7950#######' };
/** What would end the session in order, or answer our own marker. */
const LEFT_OUT: ReadonlySet<CommandName> = new Set(['unbind', 'unbind_resp', 'enquire_link_resp']);
const OPERATIONS_SENT = OPERATIONS.filter((operation) => !LEFT_OUT.has(operation));

/**
 * A carrier that answers every submit_sm with an id and a receipt at once, and sends mutated PDUs of every operation
 * between. The gateway's side of a carrier's link must live with it.
 */
export class HostileCarrier {
  /** Mutated PDUs behind which the gateway answered. */
  taken = 0;
  submits = 0;
  readonly faults: string[] = [];
  readonly #random: Random;
  readonly #server: Server;
  readonly #sessions = new Set<CarrierSession>();
  #nextId = 1;
  /** Whether mutated PDUs are sent. */
  isHostile = false;

  static async start(random: Random): Promise<HostileCarrier> {
    const carrier = new HostileCarrier(random);
    carrier.#server.listen(0, '127.0.0.1');
    await once(carrier.#server, 'listening');
    return carrier;
  }

  private constructor(random: Random) {
    this.#random = random;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      const session = new CarrierSession(this, new WirePeer(socket), this.#random.fork());
      this.#sessions.add(session);
      socket.once('close', () => this.#sessions.delete(session));
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  nextId(): string {
    return String(1_000_000 + this.#nextId++);
  }

  async close(): Promise<void> {
    this.isHostile = false;
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const session of this.#sessions) session.end();
    await closed;
  }
}

/** One bind of the gateway to it. */
class CarrierSession {
  readonly #carrier: HostileCarrier;
  readonly #peer: WirePeer;
  readonly #random: Random;
  #sequence = 1;
  #marker = MARKER;
  #isMarkerSeen = true;
  #sentAtMs = 0;
  #pending = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(carrier: HostileCarrier, peer: WirePeer, random: Random) {
    this.#carrier = carrier;
    this.#peer = peer;
    this.#random = random;
    peer.onPdu = (pdu) => this.#onPdu(pdu);
    peer.socket.once('end', () => this.end());
    peer.socket.once('close', () => clearInterval(this.#timer));
  }

  end(): void {
    clearInterval(this.#timer);
    this.#peer.socket.end();
    setTimeout(() => this.#peer.socket.destroy(), 1_000).unref();
  }

  #onPdu(pdu: SeenPdu): void {
    switch (pdu.id) {
      case COMMANDS.bind_transceiver.id:
        this.#respond(pdu, cstring('hostile'));
        this.#timer = setInterval(() => this.#onTime(), BATCH_EVERY_MS);
        return;
      case COMMANDS.submit_sm.id:
        return this.#onSubmit(pdu);
      case COMMANDS.unbind.id:
        this.#respond(pdu);
        return this.end();
      case COMMANDS.enquire_link.id:
        return this.#respond(pdu);
      case COMMANDS.enquire_link_resp.id:
        if (pdu.sequence === this.#marker) this.#onMarker();
        return;
      default:
        return;
    }
  }

  #onSubmit(pdu: SeenPdu): void {
    this.#carrier.submits++;
    const id = this.#carrier.nextId();
    this.#respond(pdu, cstring(id));
    const { source, destination } = addressesOf(pdu.octets);
    const draft = () =>
      receipt({ id, source: destination, destination: source }, this.#nextSequence());
    // A mutated one of a message that is known goes further than those of nobody.
    if (this.#carrier.isHostile && this.#random.chance(MUTATED_RECEIPT))
      this.#peer.write(mutateFramed(draft(), this.#random).octets);
    this.#peer.write(assemble(draft()));
  }

  #respond(pdu: SeenPdu, ...fields: Buffer[]): void {
    const commandId = pdu.id + RESPONSE;
    this.#peer.write(assemble({ commandId, status: 0, sequence: pdu.sequence, fields, tlvs: [] }));
  }

  #onTime(): void {
    if (!this.#isMarkerSeen) {
      if (performance.now() - this.#sentAtMs > ANSWER_MS) {
        this.#carrier.faults.push('the gateway does not answer a carrier');
        this.end();
      }
      return;
    }
    if (!this.#carrier.isHostile) return;
    const count = 1 + this.#random.below(BATCH_MAX);
    const batch = Array.from({ length: count }, () => {
      const operation = this.#random.pick(OPERATIONS_SENT);
      return mutateFramed(draftOf(operation, this.#random, TASTE), this.#random).octets;
    });
    if (this.#random.chance(BREAK_FRAMING)) {
      const draft = draftOf('deliver_sm', this.#random, TASTE);
      this.#peer.write(mutateFraming(draft, this.#random).octets);
      this.#carrier.taken++;
      return this.end();
    }
    this.#pending = count;
    this.#isMarkerSeen = false;
    this.#sentAtMs = performance.now();
    this.#marker++;
    this.#peer.write(
      Buffer.concat([...batch, headerOnly(COMMANDS.enquire_link.id, 0, this.#marker)]),
    );
  }

  #onMarker(): void {
    this.#carrier.taken += this.#pending;
    this.#pending = 0;
    this.#isMarkerSeen = true;
  }

  #nextSequence(): number {
    this.#sequence = this.#sequence >= 0x7fffffff ? 1 : this.#sequence + 1;
    return this.#sequence;
  }
}

/** A receipt in text and TLVs, SMPP 3.4 §4.6.1, appendix B and §5.3.2.12. */
function receipt(
  { id, source, destination }: { id: string; source: Buffer; destination: Buffer },
  sequence: number,
): Draft {
  const text = Buffer.from(`id:${id} ${RECEIPT_TEXT}`, 'latin1');
  const rest = [
    ...[Buffer.of(ESM_CLASS_RECEIPT, 0, 0), cstring(''), cstring('')],
    ...[Buffer.of(0, 0, 0, 0), Buffer.concat([Buffer.of(text.length), text])],
  ];
  const [ton, noTon] = [Buffer.of(1, 1), Buffer.of(5, 0)];
  return {
    commandId: COMMANDS.deliver_sm.id,
    status: 0,
    sequence,
    fields: [cstring(''), ton, source, noTon, destination, ...rest],
    tlvs: [tlv(0x001e, cstring(id)), tlv(0x0427, Buffer.of(DELIVERED))],
  };
}

/** source_addr and destination_addr of a submit_sm with their NUL: SMPP 3.4 §4.4.1. */
function addressesOf(pdu: Buffer): { source: Buffer; destination: Buffer } {
  const afterServiceType = pdu.indexOf(0, 16) + 1;
  const source = afterServiceType + 2;
  const afterSource = pdu.indexOf(0, source) + 1;
  const destination = afterSource + 2;
  const afterDestination = pdu.indexOf(0, destination) + 1;
  return {
    source: pdu.subarray(source, afterSource),
    destination: pdu.subarray(destination, afterDestination),
  };
}
