import type { Catalog, CatalogBind } from '../domain/catalog.ts';
import type { AccountId } from '../domain/ids.ts';
import { statusOf } from '../domain/refusal.ts';
import type { Session } from '../session/session.ts';
import type {
  BoundLimits,
  InFlight,
  SessionEndReason,
  SessionHandler,
} from '../session/session-types.ts';
import type { BindRequest, Pdu, RequestPdu, ResponsePdu } from '../smpp/pdu.ts';
import * as status from '../smpp/status.ts';
import type { Authenticator, AuthOutcome, AuthRefusal } from './authenticate.ts';
import type { BindBook } from './bind-book.ts';
import type { Delivery } from './delivery.ts';
import type { Manage } from './manage.ts';
import type { BindEvent, GatewayObserver } from './observer.ts';
import type { Outbox } from './outbox.ts';
import type { BindLimits } from './rates.ts';
import type { SubmitPath } from './submit.ts';

/** Our system_id in bind responses: at most 15 octets (SMPP 3.4 §4.1.2). */
const OUR_SYSTEM_ID = 'smppgate';
/** Sessions of an account that was stopped are over after so long: what was submitted before is answered, whoever stays is cut. */
const STOPPED_WITHIN_MS = 2_000;

/** A customer's session from its accepted bind on. */
export interface CustomerSession {
  readonly session: Session;
  readonly systemId: string;
  readonly account: AccountId;
  readonly key: string;
  readonly boundAtMs: number;
}

export interface CustomersDeps {
  catalog(): Catalog;
  readonly now: () => number;
  readonly observer: GatewayObserver;
  readonly authenticator: Authenticator;
  readonly bindLimits: BindLimits;
  readonly bindBook: Pick<BindBook, 'refused'>;
  readonly submit: SubmitPath;
  readonly manage: Manage;
  readonly outbox: Outbox;
}

/**
 * The customers' side: who may bind, and where each of their requests goes. One object serves all
 * sessions; what a session is to us stands in its `attachment`.
 */
export class Customers implements SessionHandler {
  readonly #deps: CustomersDeps;
  readonly #bound = new Set<CustomerSession>();

  constructor(deps: CustomersDeps) {
    this.#deps = deps;
  }

  /** Sessions bound now. */
  get sessions(): ReadonlySet<CustomerSession> {
    return this.#bound;
  }

  onBind(session: Session, pdu: BindRequest): void {
    const { system_id: systemId, password } = pdu;
    const request = {
      systemId,
      password,
      address: session.peerAddress,
      isProxy: session.door?.isProxy ?? false,
      certificate: session.door?.certificate,
      bind: this.#deps.catalog().binds.get(systemId),
    };
    this.#deps.authenticator.check(request, (outcome) =>
      this.#onAuthenticated(session, systemId, outcome),
    );
  }

  onRequest(session: Session, pdu: RequestPdu): void {
    const { submit, manage } = this.#deps;
    if (pdu.command === 'submit_sm') return submit.onSubmit(session, pdu);
    if (pdu.command === 'data_sm') return submit.onData(session, pdu);
    if (pdu.command === 'submit_multi') return submit.onMulti(session, pdu);
    if (pdu.command === 'query_sm' || pdu.command === 'cancel_sm' || pdu.command === 'replace_sm')
      return manage.onRequest(session, pdu);
    // No other operation is offered; the answer says so.
    session.refuse(pdu, status.ESME_RINVCMDID);
  }

  onResponse(_session: Session, pdu: ResponsePdu, context: unknown): void {
    this.#deps.outbox.onAnswer(context as Delivery, pdu);
  }

  onWindowOpen(session: Session): void {
    const customer = customerOf(session);
    if (customer !== undefined) this.#deps.outbox.onWindowOpen(customer.account);
  }

  onClosed(session: Session, reason: SessionEndReason, inFlight: InFlight[]): void {
    this.#deps.submit.forget(session);
    const customer = customerOf(session);
    if (customer === undefined) return;
    this.#bound.delete(customer);
    const bind = this.#deps.catalog().binds.get(customer.systemId);
    if (bind !== undefined) this.#deps.bindLimits.close(bind, customer.key);
    const unanswered = inFlight.map((request) => request.context as Delivery);
    this.#deps.outbox.removeSession(customer.account, session, unanswered);
    const orderly = reason.kind === 'unbound' || reason.kind === 'peerUnbound';
    this.#deps.observer.bindEvent('customer', customer.systemId, orderly ? 'unbound' : 'lost');
    this.#deps.observer.note('info', 'customerGone', {
      systemId: customer.systemId,
      address: session.peerAddress,
      reason: reason.kind,
      detail: reason.detail,
    });
  }

  /** A request over the session's window was answered ESME_RMSGQFUL. */
  onOverWindow(session: Session, pdu: Pdu): void {
    if (!SUBMITS.has(pdu.command)) return;
    const bind = this.#deps.catalog().binds.get(session.systemId);
    this.#deps.observer.submitAnswered(bind?.account, 'queueFull', 0);
  }

  /** The catalog changed: sessions whose bind is gone or whose account may not send any more are ended. */
  onCatalog(): void {
    const catalog = this.#deps.catalog();
    for (const customer of this.#bound) {
      const bind = catalog.binds.get(customer.systemId);
      if (bind === undefined || bind.account.id !== customer.account) customer.session.unbind();
      else if (bind.account.status === 'terminated' || bind.account.bindsDropped)
        customer.session.unbind('unbound', STOPPED_WITHIN_MS);
      else customer.session.setLimits(limitsOf(bind));
    }
    this.#deps.authenticator.forgetAllBut(passwordHashes(catalog));
  }

  #onAuthenticated(session: Session, systemId: string, outcome: AuthOutcome): void {
    if (!outcome.ok) {
      this.#reject(session, systemId, outcome.why);
      if (outcome.bannedUntilMs !== undefined)
        this.#noteBan(session, systemId, outcome.bannedUntilMs);
      return;
    }
    if (outcome.byFormer) this.#noteFormer(session, outcome.bind);
    const key = `${session.id}`;
    this.#deps.bindLimits.open(outcome.bind, key).then(
      (open) =>
        open ? this.#accept(session, outcome.bind, key) : this.#tooMany(session, outcome.bind),
      () => this.#reject(session, systemId, 'busy'),
    );
  }

  #accept(session: Session, bind: CatalogBind, key: string): void {
    if (!session.acceptBind({ systemId: OUR_SYSTEM_ID, ...limitsOf(bind) }))
      return this.#deps.bindLimits.close(bind, key);
    const customer: CustomerSession = {
      session,
      systemId: bind.systemId,
      account: bind.account.id,
      key,
      boundAtMs: this.#deps.now(),
    };
    session.attachment = customer;
    this.#bound.add(customer);
    this.#deps.observer.bindEvent('customer', bind.systemId, 'bound');
    this.#deps.observer.note('info', 'customerBound', {
      systemId: bind.systemId,
      address: session.peerAddress,
      as: session.boundAs ?? '',
      version: session.interfaceVersion,
    });
    if (session.boundAs !== 'transmitter')
      this.#deps.outbox.addSession(bind.account.id, session, bind.id);
  }

  #tooMany(session: Session, bind: CatalogBind): void {
    this.#deps.observer.bindEvent('customer', bind.systemId, 'tooManyBinds');
    this.#deps.bindBook.refused('customer', bind.systemId, session.peerAddress, 'tooManyBinds');
    session.rejectBind(statusOf('tooManyBinds', bind.account.statusFor));
  }

  #reject(session: Session, systemId: string, why: AuthRefusal): void {
    const known = this.#nameOf(systemId);
    this.#deps.observer.bindEvent('customer', known, REFUSED[why]);
    this.#deps.bindBook.refused('customer', known, session.peerAddress, why);
    this.#deps.observer.note('warn', 'bindRefused', {
      systemId: known,
      address: session.peerAddress,
      why,
    });
    session.rejectBind(why === 'busy' ? status.ESME_RSYSERR : status.ESME_RBINDFAIL);
  }

  #noteBan(session: Session, systemId: string, untilMs: number): void {
    const known = this.#nameOf(systemId);
    const { peerAddress: address } = session;
    this.#deps.observer.bindEvent('customer', known, 'banned');
    const until = new Date(untilMs).toISOString();
    this.#deps.observer.note('warn', 'banned', { systemId: known, address, until });
  }

  /** The operator sees who has not changed his password yet. */
  #noteFormer(session: Session, bind: CatalogBind): void {
    const { systemId, former } = bind;
    const until = former === undefined ? '' : new Date(former.untilMs).toISOString();
    const { peerAddress: address } = session;
    this.#deps.observer.note('info', 'formerPasswordUsed', { systemId, address, until });
  }

  /** Names that are no customer's must not become labels: anybody could fill the metrics with them. */
  #nameOf(systemId: string): string {
    return this.#deps.catalog().binds.has(systemId) ? systemId : '-';
  }
}

const SUBMITS: ReadonlySet<string> = new Set(['submit_sm', 'submit_multi', 'data_sm']);

const REFUSED: Readonly<Record<AuthRefusal, BindEvent>> = {
  address: 'refusedAddress',
  certificate: 'refusedCertificate',
  banned: 'refusedBanned',
  bindRate: 'refusedBusy',
  busy: 'refusedBusy',
  password: 'refusedPassword',
  account: 'refusedAccount',
};

function passwordHashes(catalog: Catalog): ReadonlySet<string> {
  const hashes = new Set<string>();
  for (const { passwordHash, former } of catalog.binds.values()) {
    hashes.add(passwordHash);
    if (former !== undefined) hashes.add(former.passwordHash);
  }
  return hashes;
}

/** What a session of this bind is held to. */
function limitsOf(bind: CatalogBind): BoundLimits {
  const { windowMax, maxPduOctets, enquireLinkIntervalMs, inactivityMs } = bind;
  return { windowMax, peerWindowMax: windowMax, maxPduOctets, enquireLinkIntervalMs, inactivityMs };
}

function customerOf(session: Session): CustomerSession | undefined {
  return session.attachment as CustomerSession | undefined;
}
