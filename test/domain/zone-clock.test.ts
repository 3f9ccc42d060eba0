import { describe, expect, it } from 'vitest';
import { clockOf, isTimeZone } from '../../src/domain/zone-clock.ts';

describe('ZoneClock', () => {
  const wall = (text: string): number => Date.parse(`${text}Z`);
  const moment = (zone: string, text: string): string =>
    new Date(clockOf(zone).toUtc(wall(text))).toISOString();

  it('knows offsets and the zones of the runtime', () => {
    expect(moment('+05:30', '2026-01-01T05:30')).toBe('2026-01-01T00:00:00.000Z');
    expect(moment('-03:00', '2026-01-01T00:00')).toBe('2026-01-01T03:00:00.000Z');
    expect(moment('Asia/Riyadh', '2026-07-01T12:00')).toBe('2026-07-01T09:00:00.000Z');
    expect(moment('utc', '2026-07-01T12:00')).toBe('2026-07-01T12:00:00.000Z');
  });

  it('follows summer time on both sides of its change', () => {
    // Europe/Stockholm 2026: summer time from 29 March 01:00 UTC to 25 October 01:00 UTC.
    expect(moment('Europe/Stockholm', '2026-03-29T01:59')).toBe('2026-03-29T00:59:00.000Z');
    expect(moment('Europe/Stockholm', '2026-03-29T03:00')).toBe('2026-03-29T01:00:00.000Z');
    expect(moment('Europe/Stockholm', '2026-10-25T03:00')).toBe('2026-10-25T02:00:00.000Z');
    expect(moment('Europe/Stockholm', '2026-10-25T01:59')).toBe('2026-10-24T23:59:00.000Z');
  });
});

describe('isTimeZone', () => {
  it.each([
    ['utc', true],
    ['+14:00', true],
    ['+15:00', false],
    ['+03:10', false],
    ['America/Sao_Paulo', true],
    ['Mars/Olympus', false],
    ['', false],
    ['UTC', true],
    ['Riyadh', false],
  ])('%s: %s', (zone, known) => {
    expect(isTimeZone(zone)).toBe(known);
  });
});
