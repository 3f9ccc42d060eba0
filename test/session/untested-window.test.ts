import { describe, expect, it } from 'vitest';
import { UntestedWindow } from '../../src/session/untested-window.ts';

describe('UntestedWindow', () => {
  it('is 32 until something was sent, and doubles each second from then on', () => {
    const window = new UntestedWindow();
    expect(window.size(5_000)).toBe(32);
    window.sent(5_000);
    window.sent(5_900);
    expect(window.size(6_000)).toBe(64);
    expect(window.size(8_000)).toBe(256);
  });

  it('grows by one for 20 that were accepted', () => {
    const window = new UntestedWindow();
    for (let i = 0; i < 500; i++) window.accepted();
    expect(window.size(0)).toBe(57);
  });

  it('is over for good when it would be wider than any window', () => {
    const window = new UntestedWindow();
    window.sent(0);
    expect(window.size(10_000)).toBe(32_768);
    expect(window.isOver).toBe(false);
    expect(window.size(11_000)).toBe(Number.POSITIVE_INFINITY);
    expect(window.isOver).toBe(true);
    expect(window.size(0)).toBe(Number.POSITIVE_INFINITY);
  });

  it('is over when the carrier has refused', () => {
    const window = new UntestedWindow();
    window.end();
    expect(window.size(0)).toBe(Number.POSITIVE_INFINITY);
  });
});
