import { ESME_RSYSERR, statusName } from '../../src/smpp/status.ts';
import type { Capture, Dissection } from './dissector.ts';

/** A PDU of which we say "well-formed" and tshark does not, with who says so. */
interface Difference {
  readonly what: string;
  /** Of the specification that decides it. */
  readonly section: string;
  readonly applies: (pdu: Buffer) => boolean;
}

/**
 * Where tshark 4.0 and the specification differ, or the specification leaves room that carriers and customers use.
 * Anything else that it objects to is a fault of our codec.
 */
const DIFFERENCES: readonly Difference[] = [
  {
    what: 'broadcast_rep_num of two octets, of which tshark reads four',
    section: 'SMPP 5.0 §4.8.4.13',
    applies: (pdu) => hasTlv(pdu, 0x0604, 2),
  },
  {
    what: 'source_telematics_id of two octets, of which tshark reads one (as SMPP 3.4 §5.3.2.8 has it)',
    section: 'SMPP 5.0 §4.8.4.61, as npm smpp and others send it',
    applies: (pdu) => hasTlv(pdu, 0x0010, 2),
  },
  {
    what: 'ms_validity of four octets, of which tshark reads more',
    section: 'SMPP 5.0 §4.8.4.41',
    applies: (pdu) => hasTlv(pdu, 0x1204, 4),
  },
  {
    what: 'a positive response that is a header alone: its message_id says nothing or is not known',
    section: 'SMPP 3.4 §4.6.2 (deliver_sm_resp: unused); else tolerated, see codec.ts',
    applies: (pdu) => pdu.length === 16 && pdu.readUInt32BE(4) > 0x80000000,
  },
];

/**
 * tshark takes a PDU whose command_status is reserved for no SMPP at all. A request's status means nothing (SMPP 3.4 §3.2:
 * "must be NULL"), a response's may be of a later version (§5.1.3): the rest of the PDU is judged with one that it knows.
 */
export function withKnownStatus(pdu: Buffer): Buffer {
  const status = pdu.readUInt32BE(8);
  if (status === 0 || statusName(status).startsWith('ESME_')) return pdu;
  const copy = Buffer.from(pdu);
  copy.writeUInt32BE(ESME_RSYSERR, 8);
  return copy;
}

/** Of a PDU that is at fault: nearly always all of it. */
const SHOWN_CHARACTERS = 4_000;

/** The faults of our codec among what the dissector objects to; differences are counted and said. */
export function judgeObjections(
  dissection: Dissection,
  capture: Capture,
  say: (line: string) => void,
): string[] {
  const counts = new Map<Difference, number>();
  const faults: string[] = [];
  for (const { pdu: number, message } of dissection.objections) {
    const pdu = capture.read(number);
    const difference = DIFFERENCES.find(({ applies }) => applies(pdu));
    if (difference !== undefined) counts.set(difference, (counts.get(difference) ?? 0) + 1);
    else
      faults.push(
        `accepted, and ${message} for tshark: ${pdu.toString('hex').slice(0, SHOWN_CHARACTERS)}`,
      );
  }
  if (dissection.dissected < capture.pdus)
    faults.push(`${capture.pdus - dissection.dissected} PDUs were not dissected`);
  say(`${dissection.version}`);
  say(`accepted and given to tshark ${capture.pdus}, objections that stand ${faults.length}`);
  for (const [{ what, section }, count] of counts)
    say(`  not a fault: ${count} x ${what} (${section})`);
  return faults;
}

/** Looks for the octets of a TLV's head: tshark stops at the first that it cannot read, wherever it stands. */
function hasTlv(pdu: Buffer, tag: number, length: number): boolean {
  const head = Buffer.from([tag >> 8, tag & 0xff, length >> 8, length & 0xff]);
  return pdu.includes(head, 16);
}
