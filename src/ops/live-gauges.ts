import { Counter, type Registry } from 'prom-client';
import { gauge } from './gauge.ts';
import type { OpsRuntime } from './runtime.ts';

/** Gauges of what the running node knows. `runtime`: undefined before it runs. */
export function registerLiveGauges(
  registry: Registry,
  runtime: () => OpsRuntime | undefined,
): void {
  gauge(registry, 'binds', 'Sessions bound now', ['side', 'peer', 'type'], (g) => {
    // A carrier without any is what is asked for most: 0, not nothing.
    for (const { name, bindAs } of runtime()?.carriers() ?? [])
      for (const type of bindAs.split('+')) g.set({ side: 'carrier', peer: name, type }, 0);
    for (const bind of runtime()?.binds() ?? [])
      g.inc({ side: bind.side, peer: bind.peer, type: bind.type });
  });
  const lost = new Counter({
    name: 'smppgate_bind_history_lost_total',
    help: 'Entries that the history of binds lacks',
    registers: [registry],
    collect() {
      lost.reset();
      lost.inc(runtime()?.bindHistoryLost() ?? 0);
    },
  });
  gauge(
    registry,
    'resources_file_in_force',
    'Whether RESOURCES_FILE came into force when it was last applied; NaN: none is set',
    [],
    (g) => g.set(Number(runtime()?.isResourcesFileInForce() ?? Number.NaN)),
  );
  gauge(registry, 'traces', 'Traces under way', [], (g) => g.set(runtime()?.traces() ?? 0));
  gauge(registry, 'binds_limit', 'Sessions a peer may have', ['side', 'peer'], (g) => {
    for (const { side, peer, limit } of runtime()?.bindLimits() ?? []) g.set({ side, peer }, limit);
  });
  gauge(registry, 'window_in_use', 'Requests without an answer', ['side', 'peer'], (g) => {
    for (const bind of runtime()?.binds() ?? [])
      g.inc({ side: bind.side, peer: bind.peer }, bind.windowInUse);
  });
  gauge(
    registry,
    'carrier_rate',
    'Segments a second that a carrier is sent at most; +Inf: no limit',
    ['carrier'],
    (g) => {
      for (const { name, rate } of runtime()?.carriers() ?? [])
        g.set({ carrier: name }, rate.perSecond);
    },
  );
  gauge(
    registry,
    'queue_messages',
    'Messages that wait for a carrier',
    ['carrier', 'class'],
    (g) => {
      for (const queue of runtime()?.queues() ?? []) {
        g.set({ carrier: queue.carrier, class: queue.class }, queue.messages);
      }
    },
  );
  gauge(
    registry,
    'queue_oldest_seconds',
    'Age of the oldest waiting message',
    ['carrier', 'class'],
    (g) => {
      for (const queue of runtime()?.queues() ?? []) {
        g.set({ carrier: queue.carrier, class: queue.class }, queue.oldestSeconds);
      }
    },
  );
  gauge(
    registry,
    'receipts_waiting',
    'Receipts and messages that wait for the customer',
    ['account'],
    (g) => {
      for (const [account, waiting] of runtime()?.receiptsWaiting() ?? [])
        g.set({ account }, waiting);
    },
  );
}
