import type { ClientBase } from 'pg';
import { type AccountId, type MessageId, messageId } from '../domain/ids.ts';

/**
 * Messages of an account that no carrier has accepted and that have not ended, in order of id: what a suspension
 * stops. Leased ones are among them; writeEndUnsent leaves those alone.
 */
export async function queuedOfAccount(
  client: ClientBase,
  account: AccountId,
  after: bigint,
  limit: number,
): Promise<MessageId[]> {
  const { rows } = await client.query<{ id: bigint }>(
    `select m.id from message m
     where m.account = $1 and m.id > $2
       and not exists (select from outcome o where o.id = m.id)
       and not exists (select from dispatch d where d.id = m.id and d.status = 0
         and stands(d.id, d.segment, d.attempt))
     order by m.id limit $3`,
    [account, after, limit],
  );
  return rows.map((row) => messageId(row.id));
}
