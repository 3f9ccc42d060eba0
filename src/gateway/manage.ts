import type { Catalog, CatalogBind } from '../domain/catalog.ts';
import { statusOf } from '../domain/refusal.ts';
import type { Session } from '../session/session.ts';
import { newResponse, type ResponsePdu } from '../smpp/pdu.ts';
import * as status from '../smpp/status.ts';
import { type CancelDeps, cancel } from './cancel.ts';
import type { Lookups } from './lookups.ts';
import type { GatewayObserver } from './observer.ts';
import type { ManagePdu } from './own-message.ts';
import { query } from './query.ts';
import type { RateLimits } from './rates.ts';
import type { Replacer } from './replace.ts';

/** Operations under way, over all customers: some kilobytes each, and the store is asked for them a hundred at a time. */
const UNDER_WAY_MAX = 2_000;

export interface ManageDeps extends Omit<CancelDeps, 'mayGoOn' | 'lookups'> {
  catalog(): Catalog;
  readonly now: () => number;
  readonly observer: GatewayObserver;
  readonly rates: RateLimits;
  readonly lookups: Lookups;
  readonly replacer: Replacer;
  /** A customer waits this long for an answer of ours; then his session is closed. */
  readonly responseTimeoutMs: number;
}

/**
 * query_sm, cancel_sm and replace_sm of customers: admit (one token of the bind's rate each), find, carry out in one
 * transaction that excludes leases, answer. What of a message may still be changed is what no lease holds: PostgreSQL
 * decides between a lease and a cancel or replace, whichever node each comes from (sql/0010_manage.sql).
 */
export class Manage {
  readonly #deps: ManageDeps;
  #underWay = 0;

  constructor(deps: ManageDeps) {
    this.#deps = deps;
  }

  /** One request of a bound session; it is answered when the store has what the answer says. */
  onRequest(session: Session, pdu: ManagePdu): void {
    const { catalog, responseTimeoutMs } = this.#deps;
    const bind = catalog().binds.get(session.systemId);
    if (bind === undefined) {
      session.refuse(pdu, status.ESME_RINVBNDSTS);
      return;
    }
    if (!this.#admit(bind)) {
      this.#deps.observer.throttled('customer', bind.systemId);
      session.refuse(pdu, statusOf('throttled', bind.account.statusFor));
      return;
    }
    this.#underWay++;
    const late = setTimeout(
      () => session.close(`a ${pdu.command} could not be answered in time`),
      responseTimeoutMs,
    );
    this.#answer(session, bind, pdu)
      .then(
        (response) => session.respond(response),
        (error) => this.#failed(session, bind, pdu, error),
      )
      .finally(() => {
        this.#underWay--;
        clearTimeout(late);
      });
  }

  #admit(bind: CatalogBind): boolean {
    if (this.#underWay >= UNDER_WAY_MAX || this.#deps.lookups.full) return false;
    return this.#deps.rates.takeSegments(bind, 1, this.#deps.now());
  }

  async #answer(session: Session, bind: CatalogBind, pdu: ManagePdu): Promise<ResponsePdu> {
    const { lookups, replacer, rates, now } = this.#deps;
    const { account } = bind;
    switch (pdu.command) {
      case 'query_sm':
        return query(lookups, account.id, pdu, session.interfaceVersion, now());
      case 'cancel_sm': {
        const mayGoOn = () => rates.takeSegments(bind, 1, now());
        const commandStatus = await cancel({ ...this.#deps, mayGoOn }, account.id, pdu);
        return newResponse('cancel_sm_resp', pdu.sequence_number, commandStatus);
      }
      case 'replace_sm': {
        const commandStatus = await replacer.replaceSm(account, pdu);
        return newResponse('replace_sm_resp', pdu.sequence_number, commandStatus);
      }
    }
  }

  /** The store could not be asked: nothing was changed. */
  #failed(session: Session, bind: CatalogBind, pdu: ManagePdu, error: unknown): void {
    this.#deps.observer.note('warn', 'operationFailed', {
      systemId: bind.systemId,
      command: pdu.command,
      reason: String(error),
    });
    session.refuse(pdu, statusOf('storeUnavailable', bind.account.statusFor));
  }
}
