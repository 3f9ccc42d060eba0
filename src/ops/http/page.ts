import type { FastifyRequest } from 'fastify';
import { formatCredits } from '../../domain/money.ts';
import { type LowCredit, listLow } from '../../store/credit-warnings.ts';
import { countHeld, type HeldCounts } from '../../store/moderation.ts';
import {
  countRequests,
  listDue,
  type RefundRequest,
  type RequestCounts,
} from '../../store/refund-requests.ts';
import { countUnknownOutcomes } from '../../store/timeline.ts';
import type { BindView, CarrierView, QueueView, Readiness } from '../runtime.ts';
import type { Api, ApiDeps } from './api.ts';
import { escapeHtml, page, table } from './html.ts';

/** Seconds between two loads of the page by the browser itself. */
const REFRESH_SECONDS = 5;
/** Rows of a table; what is beyond is counted in words. */
const ROWS_MAX = 200;
/** Refund requests to be paid next that are shown: a few days of a back office. */
const REFUNDS_MAX = 50;
/** Accounts with low credit that are shown. */
const LOW_MAX = 50;

/**
 * GET /, what an operator looks at first: carriers, binds, queues, throughput, unknown outcomes, ledger, what waits for a
 * person (held messages, refunds), whose credit is low. Rendered on the server, no script; a browser logs in with the
 * token as password (Basic).
 */
export function addOpsPage(app: Api, deps: ApiDeps): void {
  app.get(
    '/',
    { config: { access: 'page' }, schema: { hide: true } },
    async (_request: FastifyRequest, reply) => {
      const [ready, unknown, held, refunds, low, mismatches] = await Promise.all([
        deps.runtime.ready(),
        countUnknownOutcomes(deps.pool).catch(() => undefined),
        countHeld(deps.pool).catch(() => undefined),
        refundsOf(deps).catch(() => undefined),
        listLow(deps.pool, LOW_MAX + 1).catch(() => undefined),
        deps.metrics.ledgerMismatches.get(),
      ]);
      return reply
        .type('text/html; charset=utf-8')
        .headers({
          'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
          'cache-control': 'no-store',
        })
        .serializer(String)
        .send(
          opsPage(deps, ready, {
            ...{ unknown, held, refunds, low },
            mismatches: mismatches.values[0]?.value,
          }),
        );
    },
  );
}

/** Undefined: the store did not say. */
interface StoredFigures {
  readonly unknown: ReadonlyMap<string, number> | undefined;
  readonly held: HeldCounts | undefined;
  readonly refunds: Refunds | undefined;
  readonly low: readonly LowCredit[] | undefined;
  readonly mismatches: number | undefined;
}

interface Refunds {
  readonly counts: RequestCounts;
  /** Approved ones, in the order of their due dates. */
  readonly due: readonly RefundRequest[];
}

async function refundsOf({ pool }: ApiDeps): Promise<Refunds> {
  const [counts, due] = await Promise.all([countRequests(pool), listDue(pool, REFUNDS_MAX)]);
  return { counts, due };
}

function opsPage(
  deps: ApiDeps,
  ready: Readiness,
  { unknown, held, refunds, low, mismatches }: StoredFigures,
): string {
  const { facts } = deps.runtime;
  const rates = deps.runtime.throughput();
  const unknownTotal =
    unknown === undefined ? undefined : [...unknown.values()].reduce((a, b) => a + b, 0);
  const sections = [
    `<h1>smppgate <small>${escapeHtml(facts.version)} on ${escapeHtml(facts.node)}, up ${duration(deps.now() - facts.startedAtMs)}</small></h1>`,
    ready.ok
      ? '<p class="ok">Ready for traffic</p>'
      : `<p class="bad">Not ready: ${escapeHtml(ready.reasons.join('; '))}</p>`,
    ...ready.warnings.map((warning) => `<p class="bad">${escapeHtml(warning)}</p>`),
    table(
      ['submits/s', 'segments/s', 'receipts/s', 'unknown outcomes', 'ledger mismatches'],
      [
        {
          cells: [
            rates.submitsPerSecond.toFixed(1),
            rates.segmentsPerSecond.toFixed(1),
            rates.receiptsPerSecond.toFixed(1),
            unknownTotal === undefined ? '?' : String(unknownTotal),
            mismatches === undefined || Number.isNaN(mismatches)
              ? 'not reconciled yet'
              : String(mismatches),
          ],
          bad: (mismatches ?? 0) > 0,
        },
      ],
      '',
    ),
    `<h2>Carriers</h2>${carrierTable(deps.runtime.carriers(), deps.runtime.queues(), unknown)}`,
    `<h2>Queues</h2>${queueTable(deps.runtime.queues())}`,
    `<h2>Held for a moderator</h2>${heldTable(held)}`,
    `<h2>Refund requests</h2>${refundTable(refunds, deps.now())}`,
    `<h2>Low credit</h2>${lowTable(low, deps.now())}`,
    `<h2>Binds</h2>${bindTable(deps.runtime.binds(), deps.now())}`,
  ];
  return page({ title: 'smppgate', refreshSeconds: REFRESH_SECONDS, body: sections.join('\n') });
}

function carrierTable(
  carriers: readonly CarrierView[],
  queues: readonly QueueView[],
  unknown: ReadonlyMap<string, number> | undefined,
): string {
  const rows = carriers.map((carrier) => ({
    cells: [
      carrier.name,
      carrier.state,
      carrier.reason ?? '',
      `${carrier.host}:${carrier.port}`,
      `${carrier.binds}/${carrier.bindsWanted}`,
      `${carrier.windowInUse}/${carrier.windowMax}`,
      String(carrier.queued),
      oldestOf(queues, carrier.name),
      String(unknown?.get(carrier.name) ?? '?'),
      carrier.segmentsPerSecond.toFixed(1),
    ],
    bad: carrier.state === 'down' || carrier.state === 'partial',
  }));
  return table(
    [
      'name',
      'state',
      'reason',
      'address',
      'binds',
      'window',
      'queued',
      'oldest',
      'unknown',
      'segments/s',
    ],
    rows,
    'No carriers. Apply a resource file.',
  );
}

function heldTable(held: HeldCounts | undefined): string {
  if (held === undefined) return '<p class="none">?</p>';
  const rows = [...held.byAccount].map(([account, count]) => ({
    cells: [account, String(count), String(held.partsByAccount.get(account) ?? count)],
    bad: false,
  }));
  const oldest = `<p>The oldest waits for ${duration(held.oldestSeconds * 1_000)}.</p>`;
  return (
    table(['account', 'messages', 'parts'], rows, 'Nothing is held.') +
    (rows.length > 0 ? oldest : '')
  );
}

function refundTable(refunds: Refunds | undefined, now: number): string {
  if (refunds === undefined) return '<p class="none">?</p>';
  const { byState } = refunds.counts;
  const [open, investigating, approved] = (['open', 'investigating', 'approved'] as const).map(
    (state) => byState.get(state) ?? 0,
  );
  const rows = refunds.due.map((one) => ({
    cells: [
      one.id.toString(),
      one.account,
      one.reference,
      String(one.messages),
      formatCredits(one.amount),
      one.dueAt?.toISOString().slice(0, 16).replace('T', ' ') ?? '',
    ],
    bad: one.dueAt !== undefined && one.dueAt.getTime() < now,
  }));
  const more = (approved ?? 0) > rows.length ? `, of which the first ${rows.length} are below` : '';
  return `<p>${open} open, ${investigating} looked into, ${approved} to be paid${more}.</p>${table(
    ['id', 'account', 'reference', 'messages', 'credits', 'due (UTC)'],
    rows,
    'Nothing is to be paid.',
  )}`;
}

function lowTable(low: readonly LowCredit[] | undefined, now: number): string {
  if (low === undefined) return '<p class="none">?</p>';
  const rows = low.slice(0, LOW_MAX).map(({ account, available, below, since }) => ({
    cells: [
      account,
      formatCredits(available),
      formatCredits(below),
      duration(now - since.getTime()),
    ],
    bad: available <= 0n,
  }));
  const more = low.length > LOW_MAX ? '<p class="none">and more</p>' : '';
  const heads = ['account', 'available', 'warned below', 'for'];
  return table(heads, rows, 'No account is below what it is warned at.') + more;
}

function oldestOf(queues: readonly QueueView[], carrier: string): string {
  const waiting = queues.filter((queue) => queue.carrier === carrier && queue.messages > 0);
  if (waiting.length === 0) return '';
  return duration(Math.max(...waiting.map((queue) => queue.oldestSeconds)) * 1_000);
}

function queueTable(queues: readonly QueueView[]): string {
  const waiting = queues.filter((queue) => queue.messages > 0);
  const rows = waiting.map((queue) => ({
    cells: [
      queue.carrier,
      queue.class,
      String(queue.messages),
      duration(queue.oldestSeconds * 1000),
    ],
    bad: false,
  }));
  return table(['carrier', 'class', 'messages', 'oldest'], rows, 'Nothing waits.');
}

function bindTable(binds: readonly BindView[], now: number): string {
  const rows = binds.slice(0, ROWS_MAX).map((bind) => ({
    cells: [
      bind.side,
      bind.account === undefined ? bind.peer : `${bind.peer} (${bind.account})`,
      bind.type,
      `${bind.interfaceVersion >> 4}.${bind.interfaceVersion & 15}`,
      bind.address,
      `${bind.windowInUse}/${bind.windowMax}`,
      duration(now - bind.boundAtMs),
    ],
    bad: false,
  }));
  const more =
    binds.length > ROWS_MAX ? `<p class="none">and ${binds.length - ROWS_MAX} more</p>` : '';
  return (
    table(['side', 'peer', 'type', 'SMPP', 'address', 'window', 'for'], rows, 'No binds.') + more
  );
}

function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}
