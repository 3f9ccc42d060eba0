import type { CatalogCarrier } from '../domain/catalog.ts';
import type { CarrierBindStatus } from '../session/carrier-bind.ts';
import type { OutbindResult } from '../session/outbind-listener.ts';
import type { Session } from '../session/session.ts';
import type { SessionEndReason } from '../session/session-types.ts';
import { statusName } from '../smpp/status.ts';
import type { BindBook } from './bind-book.ts';
import type { GatewayObserver } from './observer.ts';

export interface LinkLogDeps {
  readonly observer: GatewayObserver;
  readonly bindBook: BindBook;
}

/** What happens to the links of carriers, as the log, the metrics and the history of binds have it. */
export class LinkLog {
  readonly #deps: LinkLogDeps;

  constructor(deps: LinkLogDeps) {
    this.#deps = deps;
  }

  bound(name: string, session: Session): void {
    this.#deps.bindBook.bound('carrier', name, session);
    this.#deps.observer.bindEvent('carrier', name, 'bound');
  }

  ended(name: string, session: Session, reason: SessionEndReason): void {
    const { bindBook, observer } = this.#deps;
    if (bindBook.ended(session, reason) !== undefined) {
      const orderly = reason.kind === 'unbound' || reason.kind === 'peerUnbound';
      observer.bindEvent('carrier', name, orderly ? 'unbound' : 'lost');
    } else if (reason.kind === 'bindRejected') {
      bindBook.refused('carrier', name, session.peerAddress, statusName(reason.status ?? 0));
      observer.bindEvent('carrier', name, 'refusedByCarrier');
    }
  }

  down(carrier: CatalogCarrier, reason: { readonly kind: string; readonly detail: string }): void {
    this.#deps.observer.note('warn', 'carrierDown', {
      carrier: carrier.name,
      reason: reason.kind,
      detail: reason.detail,
    });
  }

  bindChange(carrier: CatalogCarrier, bind: CarrierBindStatus): void {
    if (bind.state !== 'bound' && bind.reason === undefined) return;
    this.#deps.observer.note('info', 'carrierBind', {
      carrier: carrier.name,
      bind: bind.command,
      state: bind.state,
      reason: bind.reason?.kind ?? '',
      detail: bind.reason?.detail ?? '',
    });
  }

  outbind(carrier: CatalogCarrier, result: OutbindResult, address: string): void {
    const { observer, bindBook } = this.#deps;
    const { name } = carrier;
    observer.bindEvent('carrier', name, result === 'accepted' ? 'outbind' : 'outbindRefused');
    if (result === 'accepted') return;
    bindBook.refused('carrier', name, address, `outbind ${result}`);
    observer.note('warn', 'outbindRefused', { carrier: name, address, result });
  }

  outbindUnavailable({ name, connection }: CatalogCarrier, code: string): void {
    const port = connection.outbind?.port ?? 0;
    this.#deps.observer.note('error', 'outbindPortUnavailable', { carrier: name, port, code });
  }
}
