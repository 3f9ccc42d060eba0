import type { Catalog } from '../domain/catalog.ts';
import type { LiveBind } from '../gateway/bind-book.ts';
import type { BindView } from './runtime.ts';

/** One session as it is now. Windows count from the ESME's side: its submits, and what is delivered to it. */
export function bindView(bind: LiveBind, catalog: Catalog): BindView {
  const { live, side, peer } = bind;
  const ours = { inUse: live.windowInUse, max: live.windowMax };
  const theirs = { inUse: live.peerWindowInUse, max: live.peerWindowMax };
  const [submits, delivers] = side === 'customer' ? [theirs, ours] : [ours, theirs];
  return {
    side,
    peer,
    account: bind.account === undefined ? undefined : catalog.accounts.get(bind.account)?.name,
    session: bind.session,
    systemId: live.systemId,
    type: live.boundAs ?? 'transceiver',
    interfaceVersion: bind.version,
    tls: bind.tls,
    address: bind.address,
    port: bind.port,
    boundAtMs: bind.boundAtMs,
    windowInUse: submits.inUse,
    windowMax: submits.max,
    deliversInUse: delivers.inUse,
    deliversMax: delivers.max,
    outboundOctets: live.outboundBytes,
    submits: live.submits,
    delivers: live.delivers,
  };
}
