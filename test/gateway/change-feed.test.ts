import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ChangeFeed } from '../../src/gateway/change-feed.ts';

let failed: unknown[];
let feed: ChangeFeed;

beforeEach(() => {
  vi.useFakeTimers();
  failed = [];
  feed = new ChangeFeed({
    connect: () => Promise.reject(new Error('no notifications in this test')),
    onFailed: (error) => failed.push(error),
  });
});
afterEach(async () => {
  await feed.close();
  vi.useRealTimers();
});

/** A list whose readings end when they are told to. */
function slowList() {
  const readings: ((error?: Error) => void)[] = [];
  const read = () =>
    new Promise<void>((resolve, reject) => {
      readings.push((error) => (error === undefined ? resolve() : reject(error)));
    });
  return { readings, read };
}

/** Lets what is settled go on. */
const turn = () => vi.advanceTimersByTimeAsync(0);

async function followed(list: ReturnType<typeof slowList>): Promise<void> {
  const follow = feed.follow('a_list', list.read);
  list.readings[0]?.();
  await follow;
  await turn();
  // The look at what changed while it was read first.
  list.readings[1]?.();
  await turn();
}

describe('caughtUp', () => {
  it('waits for a reading that began after it was asked, not for one under way', async () => {
    const list = slowList();
    await followed(list);
    const first = feed.caughtUp('a_list');
    await turn();
    expect(list.readings).toHaveLength(3);
    let second: boolean | undefined;
    void feed.caughtUp('a_list').then((is) => {
      second = is;
    });
    list.readings[2]?.();
    expect(await first).toBe(true);
    await turn();
    expect(second).toBeUndefined();
    list.readings[3]?.();
    await turn();
    expect(second).toBe(true);
    expect(list.readings).toHaveLength(4);
  });

  it('is false where reading takes more than five seconds, or fails', async () => {
    const list = slowList();
    await followed(list);
    const late = feed.caughtUp('a_list');
    await vi.advanceTimersByTimeAsync(4_999);
    const isLate = vi.fn();
    void late.then(isLate);
    await turn();
    expect(isLate).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(isLate).toHaveBeenCalledWith(false);
    list.readings[2]?.();
    await turn();
    list.readings[3]?.(); // of the poll of every five seconds
    await turn();
    failed = [];
    const broken = feed.caughtUp('a_list');
    await turn();
    list.readings[4]?.(new Error('the store is away'));
    expect(await broken).toBe(false);
    expect(failed.map(String)).toEqual(['Error: the store is away']);
  });

  it('is false of a list that nobody follows, and after the end', async () => {
    expect(await feed.caughtUp('another')).toBe(false);
    await followed(slowList());
    await feed.close();
    expect(await feed.caughtUp('a_list')).toBe(false);
  });
});
