import type { ClientBase } from 'pg';
import { type AccountId, accountId } from '../../src/domain/ids.ts';
import type { TermsSpec } from '../../src/domain/resources.ts';

export type LotTerms = Partial<TermsSpec>;

let accounts = 0;

/** An account whose terms keep lots, unless they say otherwise. */
export async function openLotAccount(
  client: ClientBase,
  terms: LotTerms = {},
): Promise<{ id: AccountId; name: string }> {
  const name = `lots-${accounts++}`;
  const spec = {
    topUpExtendsBalance: false,
    creditValidDays: 365,
    purchaseRefundWithinHours: 48,
    ...terms,
  };
  await client.query(
    "insert into resource (kind, name, version, spec) values ('terms', $1, 1, $2)",
    [`terms of ${name}`, spec],
  );
  const { rows } = await client.query<{ id: number }>(
    'insert into account (name, spec) values ($1, $2) returning id',
    [name, { terms: `terms of ${name}` }],
  );
  return { id: accountId(rows[0]?.id ?? 0), name };
}
