import { describe, expect, it } from 'vitest';
import { createLog, type LogLevel, REDACTED_FIELDS } from '../../src/ops/logs.ts';

function collect(level: LogLevel = 'info', isTTY = false) {
  const lines: string[] = [];
  return { lines, log: createLog(level, { write: (line) => lines.push(line), isTTY }) };
}

describe('createLog', () => {
  it('writes one JSON object a line', () => {
    const { lines, log } = collect();
    log.warn('carrier down', {
      carrier: 'sim',
      id: 2n ** 63n - 1n,
      reason: new Error('refused\nby peer'),
    });
    expect(lines).toHaveLength(1);
    expect(lines[0]?.indexOf('\n')).toBe((lines[0]?.length ?? 0) - 1);
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      msg: 'carrier down',
      carrier: 'sim',
      id: '9223372036854775807',
      reason: 'refused\nby peer',
    });
  });

  it('hides what must never be printed, whoever passes it', () => {
    const { lines, log } = collect();
    log.info('x', Object.fromEntries(REDACTED_FIELDS.map((field) => [field, 'tell-tale'])));
    expect(lines[0]).not.toContain('tell-tale');
    expect(lines[0]?.match(/\[hidden\]/g)).toHaveLength(REDACTED_FIELDS.length);
  });

  it('keeps to its level', () => {
    const { lines, log } = collect('warn');
    log.info('a');
    log.error('b');
    expect(lines).toHaveLength(1);
    const silent = collect('silent');
    silent.log.error('c');
    expect(silent.lines).toEqual([]);
  });

  it('writes a line for people on a terminal', () => {
    const { lines, log } = collect('info', true);
    log.error('carrier down', { carrier: 'sim', reason: 'connection refused' });
    expect(lines[0]).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} error carrier down carrier=sim reason="connection refused"\n$/,
    );
  });
});
