import type { CatalogCarrier } from '../domain/catalog.ts';
import type { CarrierBindStatus } from '../session/carrier-bind.ts';
import type { CarrierLink, CarrierLinkHandler } from '../session/carrier-link.ts';
import type { Session } from '../session/session.ts';
import type { PduTap } from '../session/tap.ts';
import { decodePdu } from '../smpp/codec.ts';
import { MalformedMessage, messageOctets, ownOctets } from '../smpp/message.ts';
import {
  COMMANDS,
  type DataSm,
  type DeliverSm,
  NO_OCTETS,
  newPdu,
  newResponse,
  PduError,
  type RequestPdu,
  type ResponsePdu,
} from '../smpp/pdu.ts';
import { ESME_RINVCMDID, ESME_ROK, statusName } from '../smpp/status.ts';
import { intTlv, textTlv } from '../smpp/tlv.ts';
import { endedBy, sameId, textOf } from './probe-pairing.ts';
import { type ProbeRequest, probePlan } from './probe-plan.ts';
import type { ProbeReceipt, ProbeSeen, ProbeSubmit } from './probe-seen.ts';

/** From connect() to a bound session. */
const BIND_MS = 15_000;
/** An answer that takes longer is none; the next message is sent all the same. */
const ANSWER_MS = 15_000;
/** After the last receipt that was waited for: repeated ones follow at once. */
const QUIET_MS = 500;
/** Receipts kept; beyond them they are answered and forgotten. */
const RECEIPTS_MAX = 200;
/** deliver_sm that came while an answer was awaited, held until that says whose they are. */
const HELD_MAX = 50;
/** Digits in which a receipt's number must agree with the probe's. */
const TAIL_DIGITS = 7;

/** What a probe needs of the gateway. */
export interface ProbeDeps {
  /** A link of one bind (or pair) with the carrier's settings, started by the probe. */
  newLink(handler: CarrierLinkHandler, tap: PduTap): CarrierLink;
  /** Unbinds it; settles when its socket is gone. */
  leave(link: CarrierLink): Promise<void>;
  /** Shows what the running link is sent, until the function it gives is called. */
  watch(watch: (session: Session, pdu: DeliverSm | DataSm) => boolean): () => void;
  /** What is not the probe's goes its usual way. */
  forward(session: Session, pdu: DeliverSm | DataSm): void;
  /** Unix ms. */
  now(): number;
}

/**
 * One probe of a carrier: an extra bind of its own, test messages that are nobody's, and a wait for their receipts,
 * on its own sessions and on the running link's. What belongs to customers is handed on untouched.
 */
export class CarrierProbe implements CarrierLinkHandler {
  readonly #deps: ProbeDeps;
  readonly #request: ProbeRequest;
  readonly #submits: ProbeSubmit[];
  readonly #receipts: ProbeReceipt[] = [];
  #held: {
    readonly session: Session;
    readonly pdu: DeliverSm | DataSm;
    readonly bind: string;
    readonly atMs: number;
  }[] = [];
  #awaiting: ProbeSubmit | undefined;
  #version: number | undefined;
  #systemId = '';
  #enquired = false;
  #failure: string | undefined;
  #bound = false;
  /** Something happened that a wait may be for. */
  #wake: () => void = () => {};

  constructor(deps: ProbeDeps, carrier: CatalogCarrier, request: ProbeRequest) {
    this.#deps = deps;
    this.#request = request;
    this.#submits = probePlan(request, carrier, deps.now());
  }

  /** Binds, sends, waits, unbinds. @returns what was seen, or why there is nothing to see */
  async run(): Promise<ProbeSeen | { readonly failed: string }> {
    const link = this.#deps.newLink(this, this.#tap());
    const unwatch = this.#deps.watch((session, pdu) => this.#take(session, pdu, 'running'));
    try {
      link.start();
      await this.#until(() => this.#bound || this.#failure !== undefined, BIND_MS);
      if (!this.#bound) return { failed: this.#failure ?? 'the carrier did not answer the bind' };
      await this.#sendAll(link);
      await this.#until(() => this.#allEnded(), this.#request.waitMs);
      await this.#until(() => false, QUIET_MS);
      link.send(newPdu('enquire_link', 0), undefined, 0);
      await this.#until(() => this.#enquired, ANSWER_MS);
    } finally {
      unwatch();
      this.#release();
      await this.#deps.leave(link);
    }
    return {
      submits: this.#submits,
      receipts: this.#receipts,
      scInterfaceVersion: this.#version,
      systemId: this.#systemId,
      enquireLinkAnswered: this.#enquired,
    };
  }

  onUp(): void {
    this.#bound = true;
    this.#wake();
  }

  onBindChange(_link: CarrierLink, bind: CarrierBindStatus): void {
    const { reason } = bind;
    if (bind.state === 'bound' || reason === undefined || this.#bound) return;
    const status = reason.status === undefined ? '' : ` (${statusName(reason.status)})`;
    this.#failure = `the extra bind was not to be had: ${reason.kind} ${reason.detail}${status}; where the carrier counts binds, lower \`binds\` by one and probe again`;
    this.#wake();
  }

  onResponse(_link: CarrierLink, pdu: ResponsePdu, context: unknown): void {
    if (pdu.command === 'enquire_link_resp') this.#enquired = true;
    const submit = context as ProbeSubmit | undefined;
    if (submit !== undefined) {
      const messageId = pdu.command === 'submit_sm_resp' ? pdu.message_id : '';
      submit.answer = { status: pdu.command_status, messageId, atMs: this.#deps.now() };
      this.#awaiting = undefined;
      this.#release();
    }
    this.#wake();
  }

  onRequest(_link: CarrierLink, session: Session, pdu: RequestPdu): void {
    if (pdu.command !== 'deliver_sm' && pdu.command !== 'data_sm') {
      if (pdu.command !== 'alert_notification') session.refuse(pdu, ESME_RINVCMDID);
    } else if (!this.#take(session, pdu, 'probe')) this.#deps.forward(session, pdu);
  }

  /** Its session ended: what it had sent stays unanswered, which is what was seen. */
  onReturned(): void {
    this.#awaiting = undefined;
    this.#wake();
  }

  async #sendAll(link: CarrierLink): Promise<void> {
    for (const submit of this.#submits) {
      await this.#until(() => link.windowFree() > 0, ANSWER_MS);
      this.#awaiting = submit;
      submit.sentAtMs = this.#deps.now();
      if (!link.send(submit.pdu, submit)) this.#awaiting = undefined;
      await this.#until(() => this.#awaiting === undefined, ANSWER_MS);
      this.#awaiting = undefined;
      this.#release();
    }
  }

  /** Takes a deliver_sm that is the probe's. False: it is a customer's. */
  #take(session: Session, pdu: DeliverSm | DataSm, whose: string): boolean {
    if (!this.#isOfTheNumber(pdu)) return false;
    const bind = `${whose} ${session.boundAs ?? 'session'}`;
    const atMs = this.#deps.now();
    const submit = this.#submitOf(pdu);
    if (submit !== undefined) this.#keep(session, pdu, bind, atMs, submit.answer === undefined);
    else if (this.#awaiting !== undefined && this.#held.length < HELD_MAX) {
      // Perhaps it is early: the answer that is awaited will tell.
      ownOctets(pdu);
      this.#held.push({ session, pdu, bind, atMs });
    } else return false;
    return true;
  }

  /** The answer that was awaited is there: what came before it is the probe's, or goes its usual way. */
  #release(): void {
    const held = this.#held;
    this.#held = [];
    for (const { session, pdu, bind, atMs } of held) {
      if (this.#submitOf(pdu) !== undefined) this.#keep(session, pdu, bind, atMs, true);
      else this.#deps.forward(session, pdu);
    }
  }

  #keep(
    session: Session,
    pdu: DeliverSm | DataSm,
    bind: string,
    atMs: number,
    early: boolean,
  ): void {
    const name = pdu.command === 'deliver_sm' ? 'deliver_sm_resp' : 'data_sm_resp';
    session.respond(newResponse(name, pdu.sequence_number, ESME_ROK));
    if (this.#receipts.length < RECEIPTS_MAX)
      this.#receipts.push({ ...receiptOf(pdu), bind, atMs, early });
    this.#wake();
  }

  #isOfTheNumber(pdu: DeliverSm | DataSm): boolean {
    const tail = this.#request.to.slice(-TAIL_DIGITS);
    return pdu.source_addr.endsWith(tail) || pdu.destination_addr.endsWith(tail);
  }

  /** The message of the probe that it names, by its id in any base or its reference. */
  #submitOf(pdu: DeliverSm | DataSm): ProbeSubmit | undefined {
    const receipt = { ...receiptOf(pdu), bind: '', atMs: 0, early: false };
    const idTlv = textTlv(pdu, 'receipted_message_id') ?? '';
    const reference = intTlv(pdu, 'user_message_reference');
    const words = WORD_FORMS.flatMap((form) => textOf(receipt, form).match(WORDS) ?? []);
    return this.#submits.find(({ answer, reference: ours }) => {
      const id = answer?.messageId ?? '';
      return (
        (reference === ours && (pdu.esm_class & MESSAGE_TYPE) !== 0) ||
        sameId(idTlv, id) ||
        words.some((word) => sameId(word, id))
      );
    });
  }

  #allEnded(): boolean {
    const accepted = this.#submits.filter(({ answer }) => answer?.status === ESME_ROK);
    const ended = new Set(this.#receipts.map((receipt) => endedBy(receipt, this.#submits)));
    return accepted.every((submit) => ended.has(submit));
  }

  /** Waits until something is so, or for `ms`. */
  #until(isSo: () => boolean, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#wake = () => {};
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#wake = () => {
        if (isSo()) done();
      };
      this.#wake();
    });
  }

  onWindowOpen(): void {
    this.#wake();
  }

  /** Reads the bind's answer, which the session keeps to itself. */
  #tap(): PduTap {
    return {
      open: true,
      read: (_session, buf, start, end) => {
        const id = end - start >= 8 ? buf.readUInt32BE(start + 4) : 0;
        if (!BIND_ANSWERS.has(id)) return;
        try {
          const pdu = decodePdu(buf, start, end);
          this.#version = intTlv(pdu, 'sc_interface_version');
          if ('system_id' in pdu) this.#systemId = pdu.system_id;
        } catch (error) {
          // The session says what is wrong with it.
          if (!(error instanceof PduError)) throw error;
        }
      },
      wrote: () => {},
    };
  }
}

const MESSAGE_TYPE = 0x3c;
const BIND_ANSWERS: ReadonlySet<number> = new Set([
  COMMANDS.bind_transmitter_resp.id,
  COMMANDS.bind_receiver_resp.id,
  COMMANDS.bind_transceiver_resp.id,
]);
const WORD_FORMS = ['auto', 'gsm7', 'ucs2', 'ucs2le', 'gsm7-packed'] as const;
/** Words that can be ids: 1 to 64 characters (SMPP 3.4 §5.2.23). */
const WORDS = /[A-Za-z0-9][A-Za-z0-9._/+-]{0,63}/g;

/** Its octets are its own: a session's are views into what it reads. */
function receiptOf(
  pdu: DeliverSm | DataSm,
): Pick<ProbeReceipt, 'command' | 'esmClass' | 'dataCoding' | 'octets' | 'inPayload' | 'tlvs'> {
  const octets = messageOctets(pdu);
  return {
    command: pdu.command,
    esmClass: pdu.esm_class,
    dataCoding: pdu.data_coding,
    octets: octets instanceof MalformedMessage ? NO_OCTETS : Buffer.from(octets),
    inPayload: pdu.command === 'data_sm' || pdu.short_message.length === 0,
    tlvs: (pdu.tlvs ?? []).map(({ tag, value }) => ({ tag, value: Buffer.from(value) })),
  };
}
