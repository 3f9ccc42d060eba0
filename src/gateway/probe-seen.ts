import type { SubmitSm } from '../smpp/pdu.ts';
import type { Tlv } from '../smpp/tlv.ts';

/*
 * What a probe of a carrier saw, as plain data: carrier-probe.ts gathers it, probe-findings.ts makes a profile of it.
 */

/** What each test message is for. */
export type ProbePurpose =
  | 'plain'
  | 'ucs2'
  | 'validity'
  | 'notifications'
  | 'udh'
  | 'sar'
  | 'payload';

/** One submit_sm of the probe and its answer. */
export interface ProbeSubmit {
  readonly purpose: ProbePurpose;
  /** 1 and up, of a long message. */
  readonly part: number;
  readonly pdu: SubmitSm;
  /** What its text begins with: no other of the probe begins so. */
  readonly marker: string;
  /** user_message_reference. */
  readonly reference: number;
  sentAtMs: number;
  /** Undefined while, and if, it is not answered. */
  answer:
    | { readonly status: number; readonly messageId: string; readonly atMs: number }
    | undefined;
}

/** One deliver_sm or data_sm that is about a message of the probe, its octets its own. */
export interface ProbeReceipt {
  readonly command: 'deliver_sm' | 'data_sm';
  readonly esmClass: number;
  readonly dataCoding: number;
  /** short_message, or message_payload. */
  readonly octets: Buffer;
  readonly inPayload: boolean;
  readonly tlvs: readonly Tlv[];
  /** The session that it came on. */
  readonly bind: string;
  readonly atMs: number;
  /** Before the submit_sm_resp that gives its id. */
  readonly early: boolean;
}

/** Everything that a probe saw. */
export interface ProbeSeen {
  readonly submits: readonly ProbeSubmit[];
  readonly receipts: readonly ProbeReceipt[];
  /** sc_interface_version of the bind's answer; undefined when it had none. */
  readonly scInterfaceVersion: number | undefined;
  /** system_id of the bind's answer. */
  readonly systemId: string;
  readonly enquireLinkAnswered: boolean;
}
