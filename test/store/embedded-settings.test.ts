import { describe, expect, it } from 'vitest';
import { sharedMegabytes } from '../../src/store/embedded-settings.ts';

const GIB = 2 ** 30;

describe('sharedMegabytes', () => {
  it.each([
    [24 * GIB, 2 ** 64, 1_024],
    [4 * GIB, 0, 512],
    [64 * GIB, 2 * GIB, 256],
    [64 * GIB, GIB / 4, 64],
  ])(
    'of a machine of %d octets, %d for this container, is %d',
    (machine, constrained, expected) => {
      expect(sharedMegabytes(machine, constrained)).toBe(expected);
    },
  );
});
