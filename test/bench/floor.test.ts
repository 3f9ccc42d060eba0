import { Client } from 'pg';
import { describe, expect, inject, it } from 'vitest';
import { measureFloor } from '../../src/bench/floor.ts';

/** The run's PostgreSQL as the floor takes it: a socket folder or a host, from its URL. */
function server() {
  const url = new URL(inject('postgres').adminUrl);
  const host = url.searchParams.get('host') ?? url.hostname;
  return {
    host,
    user: decodeURIComponent(url.username) || 'postgres',
    ...(url.port !== '' && { port: Number(url.port) }),
    ...(url.password !== '' && { password: decodeURIComponent(url.password) }),
  };
}

describe('measureFloor', () => {
  it('takes whole batches through all five lanes and leaves no database behind', async () => {
    const result = await measureFloor({ ...server(), messages: 1200, accounts: 7 });
    expect(result.messages).toBe(1500); // three batches of 500
    expect(result.perSecond).toBeGreaterThan(0);
    const client = new Client({ connectionString: inject('postgres').adminUrl });
    await client.connect();
    try {
      const { rows } = await client.query(
        "select datname from pg_database where datname like 'smppgate_floor_%'",
      );
      expect(rows).toEqual([]);
    } finally {
      await client.end();
    }
  });
});
