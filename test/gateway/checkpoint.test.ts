import { describe, expect, it } from 'vitest';
import { CheckpointLog } from '../../src/gateway/checkpoint.ts';

describe('CheckpointLog', () => {
  it('has no time while nothing is in the lane', () => {
    const log = new CheckpointLog();
    expect(log.oldestDbMs()).toBeUndefined();
    log.begin(1000);
    log.end(1);
    expect(log.oldestDbMs()).toBeUndefined();
  });

  it('has the time of the oldest that is not answered', () => {
    const log = new CheckpointLog();
    for (const at of [1000, 1000, 2000, 3000]) log.begin(at);
    expect(log.oldestDbMs()).toBe(1000);
    log.end(1);
    expect(log.oldestDbMs()).toBe(1000);
    log.end(1);
    expect(log.oldestDbMs()).toBe(2000);
    log.end(2);
    expect(log.oldestDbMs()).toBeUndefined();
  });

  it('is not disturbed by an answer to more than there is', () => {
    const log = new CheckpointLog();
    log.begin(1000);
    log.end(5);
    log.begin(2000);
    expect(log.oldestDbMs()).toBe(2000);
  });
});
