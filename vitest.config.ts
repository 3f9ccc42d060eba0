import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/services.ts'],
    setupFiles: ['test/support/leaks.ts'],
    // A process a file: a test that kills or leaks cannot touch another's.
    pool: 'forks',
    // Two files at a time: the target machine has two cores, and the servers need them as well.
    maxWorkers: 2,
    // A test takes milliseconds; a real server that has to be made or recover takes seconds, and a
    // busy machine several times that.
    testTimeout: 20_000,
    hookTimeout: 60_000,
    teardownTimeout: 30_000,
  },
});
