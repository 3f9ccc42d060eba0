import { decodePdu } from '../../src/smpp/codec.ts';
import { MalformedMessage, messageOctets } from '../../src/smpp/message.ts';
import { COMMANDS, type CommandName, type Pdu, PduError } from '../../src/smpp/pdu.ts';
import { assemble, bindDraft, draftOf, headerOnly, OPERATIONS } from './drafts.ts';
import { type Mutated, mutateFramed, mutateFraming } from './mutations.ts';
import type { Random } from './random.ts';
import { type SeenPdu, WirePeer } from './wire-peer.ts';

/** How an attack is made. */
export interface AttackOptions {
  readonly port: number;
  /** Mutated PDUs to be taken by the daemon, in all. */
  readonly pdus: number;
  readonly random: Random;
  /** Who binds validly, one of them, and how. */
  readonly systemIds: readonly string[];
  readonly password: string;
  /** Share of the PDUs that are sent on a session with a valid bind. */
  readonly boundShare: number;
  /** Connections at once. */
  readonly connections: number;
  /** Each PDU that our codec and message layer accept. */
  readonly accepted?: (octets: Buffer) => void;
}

/** What came of it. */
export interface AttackReport {
  /** Mutated PDUs that the daemon certainly took in: it answered something behind them, or ended the session at them. */
  taken: number;
  takenAfterBind: number;
  /** Written, but nothing proves that the daemon read them. */
  unproven: number;
  connections: number;
  binds: number;
  /** command_status of the daemon's answers, in hex, to count. */
  readonly statuses: Map<string, number>;
  readonly mutations: Map<string, number>;
  /** How the connections ended. */
  readonly ends: Map<string, number>;
  readonly faults: string[];
}

/** Of loopback, so that no limit per address stops the attack; the quiet session's is 127.0.0.1. */
const ADDRESSES = Array.from({ length: 40 }, (_, n) => `127.0.7.${n + 1}`);
/** An answer that takes longer is a fault: the daemon does not read on. */
const ANSWER_MS = 30_000;
/** Fewer than SESSION_DEFAULTS.malformedInARowMax, mostly: the marker behind each batch counts as a good PDU. */
const BATCH_MAX = 19;
/** Some batches go beyond it, to be closed. */
const LONG_BATCH = 0.02;
const BATCHES_MAX = 40;
/** A connection's last PDU breaks the framing with this probability. */
const BREAK_FRAMING = 0.35;
/** sequence_number of the enquire_link behind a batch; mutated PDUs hit it hardly ever. */
const MARKER = 0x5a5a0000;
const ENQUIRE_LINK_RESP = COMMANDS.enquire_link_resp.id;
const VERSIONS = [0x00, 0x33, 0x34, 0x35, 0x50, 0xff];
/** What ends a session in order goes last. */
const ENDING: ReadonlySet<CommandName> = new Set([
  'unbind',
  'bind_receiver',
  'bind_transmitter',
  'bind_transceiver',
]);
/** Everything, and more of what customers send most. */
const USUAL_OPERATIONS: readonly CommandName[] = [
  ...OPERATIONS.filter((operation) => !ENDING.has(operation)),
  ...new Array<CommandName>(6).fill('submit_sm'),
  ...([
    'submit_multi',
    'data_sm',
    'query_sm',
    'cancel_sm',
    'replace_sm',
    'deliver_sm_resp',
  ] as const),
];

/** Sends mutated PDUs over many connections at once until so many were taken. */
export async function attack(options: AttackOptions): Promise<AttackReport> {
  const report: AttackReport = {
    taken: 0,
    takenAfterBind: 0,
    unproven: 0,
    connections: 0,
    binds: 0,
    statuses: new Map(),
    mutations: new Map(),
    ends: new Map(),
    faults: [],
  };
  const attackers = Array.from({ length: options.connections }, (_, number) =>
    attackOn(options, report, options.random.fork(), number),
  );
  await Promise.all(attackers);
  return report;
}

/** One connection after the other. */
async function attackOn(
  options: AttackOptions,
  report: AttackReport,
  random: Random,
  number: number,
): Promise<void> {
  for (let round = 0; report.taken < options.pdus && report.faults.length === 0; round++) {
    const address = ADDRESSES[(number + round * options.connections) % ADDRESSES.length] ?? '';
    const bound = report.takenAfterBind < report.taken * options.boundShare || random.chance(0.1);
    const bout = new Bout(options, report, random, bound);
    await bout.run(address);
  }
}

/** One connection from its first octet to its end. */
class Bout {
  readonly #options: AttackOptions;
  readonly #report: AttackReport;
  readonly #random: Random;
  readonly #withBind: boolean;
  #peer: WirePeer | undefined;
  /** Answers to requests of the batch under way. */
  #answers = 0;
  #marker = MARKER;
  #markerSeen = false;
  #bindStatus: number | undefined;
  /** Answers that wait: a batch is on its way in pieces, and they must not stand inside a PDU. */
  #held: Buffer[] | undefined;

  constructor(options: AttackOptions, report: AttackReport, random: Random, withBind: boolean) {
    this.#options = options;
    this.#report = report;
    this.#random = random;
    this.#withBind = withBind;
  }

  async run(address: string): Promise<void> {
    const peer = await WirePeer.connect(this.#options.port, address);
    if (peer.isClosed) return;
    this.#peer = peer;
    this.#report.connections++;
    peer.onPdu = (pdu) => this.#onPdu(pdu);
    if (this.#withBind && !(await this.#bind(peer))) return this.#leave(peer);
    const batches = 1 + this.#random.below(BATCHES_MAX);
    for (let n = 0; n < batches && !peer.isOver; n++) {
      if (!(await this.#batch(peer))) break;
      if (this.#report.taken >= this.#options.pdus) break;
    }
    if (!peer.isOver && this.#random.chance(BREAK_FRAMING)) await this.#breakFraming(peer);
    await this.#leave(peer);
  }

  async #bind(peer: WirePeer): Promise<boolean> {
    const { password } = this.#options;
    const systemId = this.#random.pick(this.#options.systemIds);
    const how = this.#random.pick([
      'bind_transceiver',
      'bind_transmitter',
      'bind_receiver',
    ] as const);
    peer.write(assemble(bindDraft(how, systemId, password, this.#random.pick(VERSIONS))));
    const came = await peer.until(() => this.#bindStatus !== undefined, ANSWER_MS);
    if (!came) this.#fault('a valid bind was not answered');
    if (this.#bindStatus === 0) this.#report.binds++;
    return this.#bindStatus === 0;
  }

  /** Some mutated PDUs and a marker; whether the session goes on behind them. */
  async #batch(peer: WirePeer): Promise<boolean> {
    const most = this.#random.chance(LONG_BATCH) ? 3 * BATCH_MAX : BATCH_MAX;
    const mutated = Array.from({ length: 1 + this.#random.below(most) }, () => this.#mutated());
    if (this.#random.chance(0.03)) mutated.push(this.#mutated(this.#random.pick([...ENDING])));
    this.#answers = 0;
    this.#markerSeen = false;
    this.#marker++;
    const marker = headerOnly(COMMANDS.enquire_link.id, 0, this.#marker);
    await this.#send(peer, Buffer.concat([...mutated.map(({ octets }) => octets), marker]));
    const came = await peer.until(() => this.#markerSeen, ANSWER_MS);
    if (!came) this.#fault(`no answer behind ${mutated.map((one) => one.octets.toString('hex'))}`);
    // Closed on the way: only what was answered was certainly read.
    const taken = this.#markerSeen ? mutated.length : Math.min(this.#answers, mutated.length);
    this.#count(mutated.slice(0, taken));
    this.#report.unproven += mutated.length - taken;
    return this.#markerSeen;
  }

  /** Whatever it leads to: an answer and the end, or silence and the end of our side. */
  async #breakFraming(peer: WirePeer): Promise<void> {
    const draft = draftOf(this.#random.pick(OPERATIONS), this.#random, TASTE);
    const broken = mutateFraming(draft, this.#random);
    const garbage = this.#random.chance(0.5)
      ? this.#random.octets(this.#random.below(500))
      : NOTHING;
    await this.#send(peer, Buffer.concat([broken.octets, garbage]));
    // The daemon may rightly wait for the rest of a long PDU.
    await peer.until(() => false, this.#random.pick([5, 20, 100]));
    this.#count([broken]);
  }

  async #leave(peer: WirePeer): Promise<void> {
    const how = peer.isOver ? 'closedByDaemon' : this.#random.pick(['fin', 'reset', 'unbind']);
    this.#report.ends.set(how, (this.#report.ends.get(how) ?? 0) + 1);
    if (how === 'unbind') {
      peer.write(headerOnly(COMMANDS.unbind.id, 0, 1));
      await peer.until(() => false, ANSWER_MS / 100);
    }
    if (how === 'reset') peer.socket.resetAndDestroy();
    else peer.socket.end();
    const late = setTimeout(() => peer.socket.destroy(), ANSWER_MS / 10);
    await peer.gone();
    clearTimeout(late);
  }

  #mutated(operation: CommandName = this.#random.pick(USUAL_OPERATIONS)): Mutated {
    const mutated = mutateFramed(draftOf(operation, this.#random, TASTE), this.#random);
    if (this.#options.accepted !== undefined && isAccepted(mutated.octets))
      this.#options.accepted(mutated.octets);
    return mutated;
  }

  /** In one piece, in a few, or octet by octet at first. */
  async #send(peer: WirePeer, octets: Buffer): Promise<void> {
    const pieces = this.#random.pick([1, 1, 1, 2, 3, 10]);
    let at = 0;
    this.#held = [];
    for (let n = 1; n < pieces && at < octets.length; n++) {
      const size = n < 5 && pieces === 10 ? 1 : 1 + this.#random.below(octets.length - at);
      peer.write(octets.subarray(at, at + size));
      at += size;
      await new Promise((resolve) => setImmediate(resolve));
    }
    peer.write(Buffer.concat([octets.subarray(at), ...this.#held]));
    this.#held = undefined;
  }

  #onPdu(pdu: SeenPdu): void {
    if (pdu.id === ENQUIRE_LINK_RESP && pdu.sequence === this.#marker) this.#markerSeen = true;
    else if (pdu.id >= RESPONSE) {
      this.#answers++;
      if (pdu.sequence === 1 && this.#bindStatus === undefined && this.#withBind)
        this.#bindStatus = pdu.status;
      const status = `0x${pdu.status.toString(16).padStart(2, '0')}`;
      this.#report.statuses.set(status, (this.#report.statuses.get(status) ?? 0) + 1);
    } else this.#answerRequest(pdu);
  }

  /** Mostly as it should be: a daemon that waits 30 s for an answer ends the session. */
  #answerRequest(pdu: SeenPdu): void {
    if (this.#random.chance(0.05)) return;
    const sequence = this.#random.chance(0.05) ? pdu.sequence + 1 : pdu.sequence;
    const status = this.#random.chance(0.05) ? 0x08 : 0;
    const octets = headerOnly(pdu.id + RESPONSE, status, sequence);
    const answer = pdu.id === COMMANDS.deliver_sm.id ? withBody(octets) : octets;
    if (this.#held === undefined) this.#peer?.write(answer);
    else this.#held.push(answer);
  }

  #count(mutated: readonly Mutated[]): void {
    const { mutations } = this.#report;
    for (const { mutation } of mutated) mutations.set(mutation, (mutations.get(mutation) ?? 0) + 1);
    this.#report.taken += mutated.length;
    if (this.#withBind) this.#report.takenAfterBind += mutated.length;
  }

  #fault(words: string): void {
    this.#report.faults.push(words.slice(0, FAULT_CHARACTERS));
  }
}

/** Whether the codec reads it, and the message in it if it has one: it would go on to the pipeline. */
export function isAccepted(octets: Buffer): boolean {
  let pdu: Pdu;
  try {
    pdu = decodePdu(octets, 0, octets.length);
  } catch (error) {
    if (error instanceof PduError) return false;
    throw error;
  }
  switch (pdu.command) {
    case 'submit_sm':
    case 'submit_multi':
    case 'deliver_sm':
    case 'data_sm':
      return !(messageOctets(pdu) instanceof MalformedMessage);
    default:
      return true;
  }
}

const RESPONSE = 0x80000000;
const FAULT_CHARACTERS = 4_000;
const NOTHING: Buffer = Buffer.alloc(0);
/** A country that goes to the sink carrier. */
const TASTE = { destination: '7950#######' };

/** A deliver_sm_resp has a message_id, which is empty (SMPP 3.4 §4.6.2). */
function withBody(header: Buffer): Buffer {
  const octets = Buffer.concat([header, Buffer.of(0)]);
  octets.writeUInt32BE(octets.length, 0);
  return octets;
}
