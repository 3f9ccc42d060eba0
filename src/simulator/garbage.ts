import type { Session } from 'smpp';

/** command_ids (SMPP 3.4 §5.1.2.1). */
const deliverSm = 0x00000005;
const submitSmResp = 0x80000004;
const deliverSmResp = 0x80000005;
const dataSm = 0x00000103;
const genericNack = 0x80000000;
/** Reserved (SMPP 3.4 table 5-1). */
const reserved = 0x0000010f;
/** A sequence_number that no peer has under way: the highest that is allowed, less what is drawn. */
const strangeSequences = 0x7fffff00;

/**
 * Sends what no peer should: `framed` one PDU whose length is right and whose rest is not, `unframed` octets from
 * which no next PDU can be found.
 * @param sequence of the submit_sm that was just answered
 * @param random in [0, 1)
 */
export function sendGarbage(
  session: Session,
  kind: 'framed' | 'unframed',
  sequence: number,
  random: number,
): void {
  const list = kind === 'framed' ? framed(sequence) : unframed;
  const octets = list[Math.floor(random * list.length)];
  if (octets) session.socket.write(octets);
}

function framed(sequence: number): Buffer[] {
  const strange = strangeSequences + (sequence & 0x7f);
  return [
    // Answers to nothing, and a second answer to the same request with another id.
    pdu(submitSmResp, 0, strange, Buffer.from('stray\0')),
    pdu(submitSmResp, 0, sequence, Buffer.from('second\0')),
    pdu(deliverSmResp, 0, strange, Buffer.from('\0')),
    pdu(genericNack, 0x03, strange, Buffer.alloc(0)),
    pdu(reserved, 0, strange, Buffer.from('what is this')),
    // deliver_sm: no body; an address without its NUL; sm_length beyond the end; esm_class of a receipt without one.
    pdu(deliverSm, 0, strange, Buffer.alloc(0)),
    pdu(deliverSm, 0, strange, Buffer.from('0000009665012345', 'hex')),
    pdu(deliverSm, 0, strange, deliverBody(200, 'id:1 stat:DELIVRD')),
    pdu(deliverSm, 0, strange, deliverBody(2, 'id:1 stat:DELIVRD')),
    pdu(deliverSm, 0, strange, deliverBody(0, '')),
    // data_sm: receipted_message_id longer than what is left.
    pdu(dataSm, 0, strange, Buffer.from('00000000000000040000001e00ff31', 'hex')),
  ];
}

const unframed = [
  // command_length 5, 0, and 4 GiB less one.
  Buffer.from('00000005000000050000000000000001', 'hex'),
  Buffer.from('00000000000000150000000000000001', 'hex'),
  Buffer.from('ffffffff000000050000000000000001', 'hex'),
  Buffer.from('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'),
];

/** A deliver_sm from 1 to 2 of esm_class 4, with whatever sm_length. */
function deliverBody(smLength: number, text: string): Buffer {
  const head = Buffer.from('00010131000101320004000000000000000000', 'hex');
  head[head.length - 1] = smLength;
  return Buffer.concat([head, Buffer.from(text, 'latin1')]);
}

function pdu(commandId: number, status: number, sequence: number, body: Buffer): Buffer {
  const head = Buffer.alloc(16);
  head.writeUInt32BE(16 + body.length, 0);
  head.writeUInt32BE(commandId >>> 0, 4);
  head.writeUInt32BE(status, 8);
  head.writeUInt32BE(sequence, 12);
  return Buffer.concat([head, body]);
}
