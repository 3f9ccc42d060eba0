import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that start processes take longest: they begin, so that no worker waits for one of them in the end. */
class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isSlow = (file: TestSpecification) =>
      /\/test\/(daemon|fuzz|recovery)\//.test(file.moduleId);
    return [...sorted.filter(isSlow), ...sorted.filter((file) => !isSlow(file))];
  }
}

// Each file is a process, and many start others: what they load is compiled once.
process.env.NODE_COMPILE_CACHE ??= join(tmpdir(), 'smppgate-test-modules');

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/services.ts'],
    setupFiles: ['test/support/leaks.ts'],
    // A process a file: a test that kills or leaks cannot touch another's.
    pool: 'forks',
    sequence: { sequencer: SlowFirst },
    // Two files at a time: the target machine has two cores, and the servers need them as well.
    maxWorkers: 2,
    // Of one file: those that run at once wait for processes most of their time.
    maxConcurrency: 10,
    // A test takes milliseconds; a real server that has to be made or recover takes seconds, and a
    // busy machine many times that. Longer than what a test waits for in one step (40 s, 100 s for a
    // process), so that it ends with the reason and not with the time.
    testTimeout: 240_000,
    hookTimeout: 120_000,
    teardownTimeout: 30_000,
    // As `eventually` of test/support/gateway.ts; its own is a second.
    expect: { poll: { timeout: 40_000, interval: 15 } },
    // Where nobody looks on, a test may fail once for the machine's sake; .ci/run names it.
    retry: process.env.CI ? 1 : 0,
  },
});
