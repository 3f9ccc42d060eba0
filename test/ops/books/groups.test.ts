import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../support/gateway.ts';
import { BooksStand } from './books-stand.ts';

let stand: BooksStand;
beforeAll(async () => {
  stand = await BooksStand.start();
});
afterAll(() => stand.close());

const groupOf = async (id: string) =>
  (await stand.gateway.sql<{ grp: number }>('select grp from message where id = $1', [id]))[0]?.grp;
/** Sends messages until one is accepted with a group. */
const untilKnown = async (fields: object): Promise<string[]> => {
  const sent: string[] = [];
  await eventually(async () => {
    sent.push(...(await stand.send('alice', fields)));
    expect(await groupOf(sent.at(-1) ?? '')).toBeGreaterThan(0);
  });
  return sent;
};
const rows = () =>
  stand.gateway.sql<{ sender: string; prefix: string; messages: number; charged: string }>(
    `select g.sender, g.prefix, u.messages::int, u.charged::text from usage_day u join traffic_group g on g.id = u.grp
     order by g.sender, g.prefix`,
  );

describe('TrafficGroups', () => {
  it('is known from the second message of a kind on, and both are counted as one kind', async () => {
    const fields = { destination_addr: '966500000001', source_addr: 'Shop' };
    const sent = await untilKnown(fields);
    expect(await groupOf(sent[0] ?? '')).toBe(0);
    await stand.count();
    // 0.06 each, by the prefix 9665.
    expect(await rows()).toEqual([
      {
        ...{ sender: 'Shop', prefix: '9665', messages: sent.length },
        charged: String(sent.length * 60_000),
      },
    ]);
    const read = await stand.gateway.sql('select id::text from message_group');
    expect(read).toEqual(expect.arrayContaining([{ id: sent[0] }]));
    expect(read).not.toEqual(expect.arrayContaining([{ id: sent.at(-1) }]));
  });

  it('tells kinds apart without a number, also when the content is erased before they are counted', async () => {
    const fields = { destination_addr: '79161234567', source_addr: '966512345678' };
    const sent = await untilKnown({ ...fields, source_addr_ton: 1 });
    await stand.gateway.sql('delete from content where id = $1', [sent.at(-1)]);
    await stand.gateway.sql(
      "update job set value = (select max(id) from message where id < $1) where name = 'books-messages'",
      [sent[0]],
    );
    await stand.count();
    const [counted] = (await rows()).filter(({ prefix }) => prefix === '7');
    expect(counted).toMatchObject({ sender: '96651234****', messages: sent.length });
  });

  it('counts senders of an account that has too many together', async () => {
    await stand.gateway.sql(
      `insert into traffic_group (account, class, sender, prefix, network)
         select a.id, 'transactional', 'Made' || n, '44', '' from account a, generate_series(1, 10000) n where a.name = 'bob'`,
    );
    await stand.send('bob', { destination_addr: '447700900001', source_addr: 'X' });
    await eventually(async () => {
      const [id = ''] = await stand.send('bob', {
        ...{ destination_addr: '447700900001', source_addr: `X${Math.random()}`.slice(0, 11) },
      });
      const found = await stand.gateway.sql(
        'select g.sender from message m join traffic_group g on g.id = m.grp where m.id = $1',
        [id],
      );
      expect(found).toEqual([{ sender: '*' }]);
    });
  });
});
