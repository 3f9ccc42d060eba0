import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ownPostgres, withClient } from '../support/postgres.ts';

describe('startServer', () => {
  it('waits for the backends of a killed postmaster, whatever these write into the log meanwhile', async () => {
    let once = '';
    const postgres = await ownPostgres({
      empty: true,
      program: (real, base) => {
        once = join(base, 'refuse-once');
        const script = join(base, 'postgres.sh');
        // Says what PostgreSQL says while a dead one's shared memory is in use, after a line of a dying backend.
        const lines = [
          '#!/bin/sh',
          `if rm '${once}' 2>/dev/null; then`,
          '  echo "2026-01-01 00:00:00.000 UTC [1] FATAL:  terminating connection due to unexpected postmaster exit"',
          '  echo "2026-01-01 00:00:00.000 UTC [$$] FATAL:  pre-existing shared memory block (key 1, ID 1) is still in use"',
          '  exit 1',
          'fi',
          `exec '${real}' "$@"`,
        ];
        writeFileSync(script, lines.join('\n'), { mode: 0o755 });
        return script;
      },
    });
    try {
      await postgres.kill();
      writeFileSync(once, '');
      await postgres.start();
      const { rows } = await withClient(postgres.url, (client) => client.query('select 1 as one'));
      expect(rows).toEqual([{ one: 1 }]);
    } finally {
      await postgres.dispose();
    }
  });
});
