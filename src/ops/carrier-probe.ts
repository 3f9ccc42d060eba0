import { stringify } from 'yaml';
import { probeFindings } from '../gateway/probe-findings.ts';
import type { ProbeSeen } from '../gateway/probe-seen.ts';
import { statusName } from '../smpp/status.ts';

/** What a probe saw and proposes, as HTTP and the command line give it. No number, and no text of a person. */
export interface ProbeView {
  readonly carrier: string;
  /** system_id of the bind's answer. */
  readonly systemId: string;
  /** sc_interface_version in hex; null: the bind's answer had none. */
  readonly interfaceVersion: string | null;
  readonly enquireLinkAnswered: boolean;
  readonly messages: readonly {
    readonly purpose: string;
    readonly part: number;
    /** command_status by name; null: unanswered. */
    readonly status: string | null;
    readonly messageId: string | null;
    readonly answerMs: number | null;
  }[];
  readonly receipts: number;
  /** Receipts that the proposal reads and matches by itself. */
  readonly receiptsRead: number;
  readonly findings: readonly { readonly key: string; readonly seen: string }[];
  readonly proposal: Readonly<Record<string, unknown>>;
  /** The proposal as keys of the carrier in a resources file. */
  readonly yaml: string;
}

/** The view of what a probe of a carrier saw. */
export function probeView(carrier: string, seen: ProbeSeen): ProbeView {
  const { findings, proposal, verified } = probeFindings(seen);
  const version = seen.scInterfaceVersion;
  return {
    carrier,
    systemId: seen.systemId,
    interfaceVersion: version === undefined ? null : `0x${version.toString(16)}`,
    enquireLinkAnswered: seen.enquireLinkAnswered,
    messages: seen.submits.map(({ purpose, part, answer, sentAtMs }) => ({
      purpose,
      part,
      status: answer === undefined ? null : statusName(answer.status),
      messageId: answer?.messageId ?? null,
      answerMs: answer === undefined ? null : answer.atMs - sentAtMs,
    })),
    receipts: verified.of,
    receiptsRead: verified.receipts,
    findings,
    proposal,
    yaml:
      Object.keys(proposal).length === 0
        ? '# nothing differs from the defaults\n'
        : stringify(proposal, { lineWidth: 0 }),
  };
}
