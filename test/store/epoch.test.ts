import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EpochId, firstIdAt } from '../../src/domain/ids.ts';
import {
  adoptEpoch,
  adoptedEpochs,
  closeEpoch,
  deadEpochs,
  EPOCH_ID_AHEAD_MS,
  finishRecovery,
  renewEpoch,
  resumeEpoch,
  takeEpoch,
  tryLead,
} from '../../src/store/epoch.ts';
import { EpochKeeper } from '../../src/store/epoch-keeper.ts';
import type { EpochLost } from '../../src/store/errors.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { connect, startNode, type TestNode } from './fixtures.ts';

let database: TestDatabase;
let node: TestNode;

beforeAll(async () => {
  database = await createDatabase();
  node = await startNode(database.url);
});
afterAll(async () => {
  await node?.end();
  await database?.drop();
});

const progress = (ms: number) => ({ queueFloor: firstIdAt(ms), checkpointMs: ms });

/** An epoch as a crash leaves it: without its connection, its validity over. */
async function crashed(): Promise<EpochId> {
  const lost = await startNode(database.url);
  await lost.end();
  await silence(lost.epoch);
  return lost.epoch;
}

async function silence(epoch: EpochId): Promise<void> {
  await node.client.query(
    "update node_epoch set valid_until = now() - interval '1 s' where epoch = $1",
    [epoch],
  );
  await lockGone(epoch);
}

/** The server notices the end of a connection a moment later. */
async function lockGone(epoch: EpochId): Promise<void> {
  for (;;) {
    const { rows } = await node.client.query('select epoch_lock_held($1) as held', [epoch]);
    if (!rows[0].held) return;
  }
}

describe('takeEpoch', () => {
  it('gives each epoch that may still issue ids a node number of its own', async () => {
    const others = [await startNode(database.url), await startNode(database.url)];
    const dead = await crashed();
    const { rows } = await node.client.query(
      'select number from node_epoch where not closed and adopted_by is null',
    );
    expect(new Set(rows.map((row) => row.number)).size).toBe(rows.length);
    await Promise.all(others.map((other) => other.end()));
    for (const other of others) await silence(other.epoch);
    for (const one of [...others.map((other) => other.epoch), dead])
      await adoptEpoch(node.client, one, node.epoch);
  });

  it('uses a number again only above every id that was issued under it', async () => {
    const limit = Date.now() + 3_600_000;
    // All numbers but one are in use.
    await node.client.query(
      `insert into node_epoch (number, name, valid_until, id_limit_ms, closed)
       select n, 'full', now() + interval '1 h', $1, n = 700 from generate_series(0, 1023) n`,
      [limit],
    );
    const client = await connect(database.url);
    const taken = await takeEpoch(client, { name: 'late', nowMs: Date.now() });
    expect(taken).toMatchObject({ number: 700, idFloorMs: limit + 1 });
    await expect(startNode(database.url)).rejects.toThrow('all 1024 node numbers are in use');
    await client.end();
    await node.client.query("delete from node_epoch where name in ('full', 'late')");
  });
});

describe('renewEpoch', () => {
  it('raises the limit of ids and never lowers it', async () => {
    const now = Date.now();
    const { idLimitMs } = await renewEpoch(node.client, node.epoch, now, progress(now));
    expect(idLimitMs).toBe(now + EPOCH_ID_AHEAD_MS);
    await renewEpoch(node.client, node.epoch, now - 5_000, progress(now));
    const { rows } = await node.client.query(
      'select id_limit_ms from node_epoch where epoch = $1',
      [node.epoch],
    );
    expect(rows).toEqual([{ id_limit_ms: BigInt(now + EPOCH_ID_AHEAD_MS) }]);
  });

  it('throws EpochLost once the epoch is adopted', async () => {
    const lost = await startNode(database.url);
    await silence((await endOf(lost)).epoch);
    expect(await adoptEpoch(node.client, lost.epoch, node.epoch)).toBe(true);
    const back = await connect(database.url);
    await expect(
      renewEpoch(back, lost.epoch, Date.now(), progress(Date.now())),
    ).rejects.toMatchObject({ kind: 'epochLost' });
    await back.end();
  });
});

async function endOf(one: TestNode): Promise<TestNode> {
  await one.end();
  return one;
}

describe('deadEpochs', () => {
  it('lists an epoch whose validity is over only when nobody holds its life lock', async () => {
    const silent = await startNode(database.url);
    await node.client.query(
      "update node_epoch set valid_until = now() - interval '1 s' where epoch = $1",
      [silent.epoch],
    );
    expect(await deadEpochs(node.client)).not.toContain(silent.epoch);
    await silent.end();
    await lockGone(silent.epoch);
    expect(await deadEpochs(node.client)).toContain(silent.epoch);
    expect(await adoptEpoch(node.client, silent.epoch, node.epoch)).toBe(true);
    expect(await deadEpochs(node.client)).not.toContain(silent.epoch);
  });

  it('lists an epoch without lock only when its validity is over or it closed', async () => {
    const lost = await endOf(await startNode(database.url));
    await lockGone(lost.epoch);
    // Longer than a busy machine takes from here on.
    await node.client.query(
      "update node_epoch set valid_until = now() + interval '1 h' where epoch = $1",
      [lost.epoch],
    );
    expect(await deadEpochs(node.client)).not.toContain(lost.epoch);
    expect(await adoptEpoch(node.client, lost.epoch, node.epoch)).toBe(false);
    const closing = await startNode(database.url);
    await closeEpoch(closing.client, closing.epoch);
    expect(await deadEpochs(node.client)).toContain(closing.epoch);
    await closing.end();
  });
});

describe('adoptEpoch', () => {
  it('is won by one of two nodes', async () => {
    const dead = await crashed();
    const other = await startNode(database.url);
    const won = await Promise.all([
      adoptEpoch(node.client, dead, node.epoch),
      adoptEpoch(other.client, dead, other.epoch),
    ]);
    expect([...won].sort()).toEqual([false, true]);
    await other.end();
  });

  it('waits for a transaction of the dead epoch that is under way', async () => {
    const lost = await startNode(database.url);
    const late = await connect(database.url);
    await late.query('begin');
    await late.query('select enter_epoch($1)', [lost.epoch]);
    await lost.end();
    await silence(lost.epoch);
    let adopted = false;
    const adopting = adoptEpoch(node.client, lost.epoch, node.epoch).then((done) => {
      adopted = done;
    });
    for (;;) {
      const { rows } = await late.query(
        `select from pg_locks where locktype = 'advisory' and not granted and objid = ${lost.epoch}
           and database = (select oid from pg_database where datname = current_database())`,
      );
      if (rows.length > 0) break;
    }
    expect(adopted).toBe(false);
    await late.query('commit');
    await adopting;
    expect(adopted).toBe(true);
    await late.end();
  });

  it('takes along what the dead one had adopted and not recovered, with the floors that speak for it', async () => {
    const oldest = await crashed();
    const recovered = await crashed();
    const middle = await startNode(database.url);
    await adoptEpoch(middle.client, oldest, middle.epoch);
    await adoptEpoch(middle.client, recovered, middle.epoch);
    await node.client.query('update node_epoch set queue_floor = 11 where epoch = $1', [oldest]);
    const now = Date.now() - 60_000;
    await finishRecovery(middle.client, recovered, middle.epoch, {
      queueFloor: firstIdAt(now),
      checkpointMs: now,
    });
    await middle.end();
    await silence(middle.epoch);
    expect(await adoptEpoch(node.client, middle.epoch, node.epoch)).toBe(true);
    const adopted = new Map(
      (await adoptedEpochs(node.client, node.epoch)).map((one) => [one.epoch, one]),
    );
    expect(adopted.get(oldest)?.queueFloor).toBe(11n);
    // The middle one's floor spoke for it, and does so still.
    expect(adopted.get(recovered)).toMatchObject({ queueFloor: firstIdAt(now), checkpointMs: now });
    expect(adopted.get(middle.epoch)?.queueFloor).toBe(firstIdAt(now));
  });

  it('leaves behind an epoch of which nothing can be left', async () => {
    const done = await crashed();
    const middle = await startNode(database.url);
    await adoptEpoch(middle.client, done, middle.epoch);
    const later = Date.now() + 60_000;
    await finishRecovery(middle.client, done, middle.epoch, progress(later));
    await middle.end();
    await silence(middle.epoch);
    await adoptEpoch(node.client, middle.epoch, node.epoch);
    const adopted = (await adoptedEpochs(node.client, node.epoch)).map((one) => one.epoch);
    expect(adopted).toContain(middle.epoch);
    expect(adopted).not.toContain(done);
  });
});

describe('resumeEpoch', () => {
  it('takes the life lock again on a new connection', async () => {
    const one = await endOf(await startNode(database.url));
    await lockGone(one.epoch);
    const back = await connect(database.url);
    await resumeEpoch(back, one.epoch);
    await silenceValidity(one.epoch);
    expect(await deadEpochs(node.client)).not.toContain(one.epoch);
    await back.end();
  });
});

async function silenceValidity(epoch: EpochId): Promise<void> {
  await node.client.query(
    "update node_epoch set valid_until = now() - interval '1 s' where epoch = $1",
    [epoch],
  );
}

describe('tryLead', () => {
  it('lets one connection lead, until it ends', async () => {
    const [a, b] = [await connect(database.url), await connect(database.url)];
    expect(await tryLead(a)).toBe(true);
    expect(await tryLead(b)).toBe(false);
    await a.end();
    while (!(await tryLead(b)));
    await b.end();
  });
});

describe('EpochKeeper', () => {
  const start = (onLost: (error: EpochLost) => void = () => {}) =>
    EpochKeeper.start({
      name: 'keeper',
      connect: () => connect(database.url),
      now: Date.now,
      progress: () => progress(Date.now()),
      onLost,
    });

  it('keeps its epoch over a lost connection', async () => {
    const keeper = await start();
    await node.client.query(
      `select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and classid = 7301 and objid = $1
         and database = (select oid from pg_database where datname = current_database())`,
      [keeper.epoch],
    );
    await lockGone(keeper.epoch);
    await keeper.beat();
    await keeper.beat();
    const { rows } = await node.client.query('select epoch_lock_held($1) as held', [keeper.epoch]);
    expect(rows).toEqual([{ held: true }]);
    await keeper.close();
    expect(await deadEpochs(node.client)).toContain(keeper.epoch);
  });

  it('says that its epoch is lost, once, and stops', async () => {
    const lost: EpochLost[] = [];
    const keeper = await start((error) => lost.push(error));
    await node.client.query('update node_epoch set adopted_by = $1 where epoch = $2', [
      node.epoch,
      keeper.epoch,
    ]);
    await keeper.beat();
    await keeper.beat();
    expect(lost).toHaveLength(1);
    await keeper.close();
  });
});
