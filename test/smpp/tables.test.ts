import { describe, expect, it } from 'vitest';
import { MESSAGE_STATES, stateOfWord, statWordOf } from '../../src/smpp/message-state.ts';
import {
  COMMANDS,
  commandNameOf,
  isResponse,
  newPdu,
  newResponse,
  PduError,
  RESPONSE_BIT,
  responseNameOf,
} from '../../src/smpp/pdu.ts';
import { statusByName, statusName } from '../../src/smpp/status.ts';
import {
  intTlv,
  makeIntTlv,
  makeOctetsTlv,
  makeTextTlv,
  octetsTlv,
  TLVS,
  textTlv,
  tlvName,
  tlvSpec,
} from '../../src/smpp/tlv.ts';
import { commandNames } from './arbitrary-pdu.ts';

describe('COMMANDS', () => {
  it('has a response for every request but the two that have none', () => {
    for (const name of commandNames) {
      const { id } = COMMANDS[name];
      if (id >= RESPONSE_BIT) continue;
      const response =
        name === 'alert_notification' || name === 'outbind' ? undefined : `${name}_resp`;
      expect(responseNameOf(id)).toBe(response);
      if (response !== undefined) expect(commandNameOf(id + RESPONSE_BIT)).toBe(response);
    }
    expect(responseNameOf(0x80000004)).toBeUndefined();
    expect(responseNameOf(0x110)).toBeUndefined();
  });

  it('has different ids', () => {
    const ids = commandNames.map((name) => COMMANDS[name].id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('newPdu', () => {
  it('has every field of the table, and bodyOmitted in responses only', () => {
    for (const name of commandNames) {
      const pdu = newPdu(name, 5);
      const head = ['command', 'command_id', 'command_status', 'sequence_number'];
      const fields = COMMANDS[name].fields.map((field) => field.name);
      const tail = COMMANDS[name].id >= RESPONSE_BIT ? ['tlvs', 'bodyOmitted'] : ['tlvs'];
      expect(Object.keys(pdu)).toEqual([...head, ...fields, ...tail]);
      expect(isResponse(pdu)).toBe(COMMANDS[name].id >= RESPONSE_BIT);
    }
  });
});

describe('newResponse', () => {
  it('omits the body of an error only', () => {
    expect(newResponse('submit_sm_resp', 3, 0x58)).toMatchObject({
      bodyOmitted: true,
      command_status: 0x58,
    });
    expect(newResponse('submit_sm_resp', 3, 0)).toMatchObject({
      bodyOmitted: false,
      message_id: '',
    });
  });
});

describe('TLVS', () => {
  it('has different tags', () => {
    const tags = Object.values(TLVS).map((spec) => spec.tag);
    expect(new Set(tags).size).toBe(tags.length);
    expect(tlvSpec(TLVS.message_state.tag)).toEqual(TLVS.message_state);
    expect(tlvName(0x0427)).toBe('message_state');
    expect(tlvName(0x1403)).toBe('0x1403');
  });

  it('is written and read by its types', () => {
    const tlvs = [
      makeIntTlv('user_message_reference', 0x1234),
      makeTextTlv('additional_status_info_text', 'no credit'),
      makeOctetsTlv('network_error_code', Buffer.from([3, 0, 1])),
    ];
    const pdu = { tlvs };
    expect(intTlv(pdu, 'user_message_reference')).toBe(0x1234);
    expect(textTlv(pdu, 'additional_status_info_text')).toBe('no credit');
    expect(octetsTlv(pdu, 'network_error_code')).toEqual(Buffer.from([3, 0, 1]));
    expect(intTlv(pdu, 'message_state')).toBeUndefined();
    expect(intTlv({ tlvs: undefined }, 'message_state')).toBeUndefined();
  });

  it('refuses values that do not fit', () => {
    expect(() => makeIntTlv('message_state', 256)).toThrow(PduError);
    expect(() => makeIntTlv('message_state', -1)).toThrow(PduError);
    expect(() => makeTextTlv('receipted_message_id', 'x'.repeat(65))).toThrow(PduError);
    expect(() => makeOctetsTlv('network_error_code', Buffer.alloc(2))).toThrow(PduError);
  });
});

describe('statusName', () => {
  it('names statuses both ways', () => {
    expect(statusName(0x58)).toBe('ESME_RTHROTTLED');
    expect(statusName(0x401)).toBe('0x401');
    expect(statusByName('ESME_RINVTLVLEN')).toBe(0xc2);
    expect(statusByName('ESME_RINVPARLEN')).toBe(0xc2);
    expect(statusByName('ESME_RNOTHING')).toBeUndefined();
  });
});

describe('stateOfWord', () => {
  it('reads the words of receipts in any case (SMPP 3.4 appendix B)', () => {
    for (const [name, state] of Object.entries(MESSAGE_STATES)) {
      const word = statWordOf(state);
      expect(word, name).toBeDefined();
      expect(stateOfWord(word ?? '')).toBe(state);
      expect(stateOfWord((word ?? '').toLowerCase())).toBe(state);
    }
    expect(stateOfWord('Delivered')).toBe(2);
    expect(stateOfWord('BADSTAT')).toBeUndefined();
  });
});
