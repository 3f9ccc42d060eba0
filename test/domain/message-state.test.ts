import { describe, expect, it } from 'vitest';
import {
  END_CAUSE,
  endCauseName,
  FAULT_CLASS,
  type FaultClass,
  faultClassName,
  isFinalState,
  MESSAGE_STATE,
  messageStateName,
  messageStateOf,
} from '../../src/domain/message-state.ts';

describe('messageStateName', () => {
  // SMPP 5.0 §4.7.15, with the names of receipts (3.4 Appendix B).
  it.each([
    [0, 'SCHEDULED'],
    [1, 'ENROUTE'],
    [2, 'DELIVRD'],
    [3, 'EXPIRED'],
    [4, 'DELETED'],
    [5, 'UNDELIV'],
    [6, 'ACCEPTD'],
    [7, 'UNKNOWN'],
    [8, 'REJECTD'],
    [9, 'SKIPPED'],
  ] as const)('names message_state %i %s', (code, name) => {
    expect(messageStateName(code)).toBe(name);
    expect(MESSAGE_STATE[name]).toBe(code);
  });

  it('knows no other number', () => {
    expect(messageStateName(10)).toBeUndefined();
    expect(messageStateName(-1)).toBeUndefined();
  });
});

describe('messageStateOf', () => {
  it('reads the stat field in any case and nothing that is no state', () => {
    expect(messageStateOf('delivrd')).toBe('DELIVRD');
    expect(messageStateOf('DELIVERED')).toBeUndefined();
    expect(messageStateOf('toString')).toBeUndefined();
  });
});

describe('isFinalState', () => {
  it('ends a message in all but SCHEDULED, ENROUTE and ACCEPTD', () => {
    const open = Object.keys(MESSAGE_STATE).filter(
      (name) => !isFinalState(messageStateOf(name) ?? 'UNKNOWN'),
    );
    expect(open.sort()).toEqual(['ACCEPTD', 'ENROUTE', 'SCHEDULED']);
  });
});

describe('faultClassName', () => {
  it('names what the store keeps', () => {
    for (const [name, code] of Object.entries(FAULT_CLASS))
      expect(faultClassName(code)).toBe(name as FaultClass);
    expect(() => faultClassName(6)).toThrow(RangeError);
  });
});

describe('endCauseName', () => {
  it('names what the store keeps', () => {
    for (const [name, code] of Object.entries(END_CAUSE)) expect(endCauseName(code)).toBe(name);
    expect(() => endCauseName(9)).toThrow(RangeError);
  });
});
