import type { Message, Pdu, PduInput, Session } from 'smpp';
import smpp from 'smpp';
import { startSimulatedCarrier } from '../../src/simulator/carrier.ts';
import type {
  CarrierEvent,
  SimulatedCarrier,
  SimulatedCarrierOptions,
} from '../../src/simulator/carrier-options.ts';
import { Events } from './events.ts';

const carriers: SimulatedCarrier[] = [];
const sessions: Session[] = [];

/** Ends what `start` and `bind` made: for afterEach. */
export async function endAll(): Promise<void> {
  for (const session of sessions.splice(0)) session.destroy();
  for (const carrier of carriers.splice(0)) await carrier.close();
}

/** A simulated carrier, closed by `endAll`, and its events. */
export async function start(options: SimulatedCarrierOptions = {}) {
  const events = new Events<CarrierEvent>();
  const carrier = await startSimulatedCarrier({ ...options, onEvent: events.take });
  carriers.push(carrier);
  return { carrier, events };
}

/** Where npm smpp's own session stands, not yet bound. `delivered` has deliver_sm and data_sm, each answered. */
export function connected(session: Session) {
  sessions.push(session);
  const delivered = new Events<Pdu>();
  const errors: Error[] = [];
  session.on('error', (error) => {
    errors.push(error);
    session.destroy();
  });
  for (const command of ['deliver_sm', 'data_sm'] as const) {
    session.on(command, (pdu) => {
      session.send(pdu.response());
      delivered.take(pdu);
    });
  }
  const closed = new Promise<void>((resolve) => session.on('close', () => resolve()));
  return { session, delivered, closed, errors };
}

/** A bound session of npm smpp; `answer` is its bind's. */
export async function bind(port: number) {
  const peer = connected(smpp.connect({ host: '127.0.0.1', port }));
  await new Promise<void>((resolve) => peer.session.on('connect', () => resolve()));
  const answer = await request(peer.session, 'bind_transceiver', {
    system_id: 'gw',
    password: 'gw',
  });
  return { ...peer, answer };
}

/** Sends and waits for the answer. */
export function request(
  session: Session,
  command: 'bind_transceiver' | 'bind_receiver' | 'submit_sm',
  fields: PduInput,
): Promise<Pdu> {
  return new Promise((resolve) => session[command](fields, resolve));
}

/** A submit_sm that asks for a receipt. */
export function submit(session: Session, fields: PduInput = {}): Promise<Pdu> {
  return request(session, 'submit_sm', {
    source_addr: 'acme',
    destination_addr: '966501234567',
    registered_delivery: 1,
    short_message: 'hello',
    ...fields,
  });
}

/** The text of a receipt, in whichever field. */
export function textOf(pdu: Pdu | undefined): string {
  const field = pdu?.short_message ?? pdu?.message_payload;
  if (field === undefined) return '';
  return String(
    typeof field === 'object' && 'message' in field ? (field as Message).message : field,
  );
}
