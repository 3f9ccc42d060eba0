import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** One PDU as Wireshark's dissector reads it: an independent judge. Values are its own texts. */
export type Dissected = Readonly<Record<string, string>>;

const FIELDS = [
  'ip.src',
  'ip.dst',
  'ipv6.src',
  'tcp.srcport',
  'tcp.dstport',
  'tcp.seq_raw',
  'smpp.command_id',
  'smpp.sequence_number',
  'smpp.system_id',
  'smpp.password',
  'smpp.source_addr',
  'smpp.destination_addr',
  'smpp.message_id',
  '_ws.malformed',
] as const;

/** Whether tshark is on this machine. The own reader judges everywhere; where there is tshark it judges as well. */
export async function hasTshark(): Promise<boolean> {
  return run('tshark', ['--version']).then(
    () => true,
    () => false,
  );
}

/** The PDUs of a capture file by tshark, its checks of checksums on; `port` is the SMSC's. */
export async function dissect(file: string, port: number): Promise<Dissected[]> {
  const { stdout } = await run(
    'tshark',
    [
      ...['-r', file, '-d', `tcp.port==${port},smpp`, '-Y', 'smpp'],
      ...['-o', 'tcp.check_checksum:TRUE', '-o', 'ip.check_checksum:TRUE'],
      ...['-T', 'fields', '-E', 'separator=/t', '-E', 'occurrence=f'],
      ...FIELDS.flatMap((field) => ['-e', field]),
    ],
    { maxBuffer: 1 << 28 },
  );
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const values = line.split('\t');
      return Object.fromEntries(FIELDS.map((field, at) => [field, values[at] ?? '']));
    });
}

/** What Wireshark's experts complain of in a file: lost segments, wrong checksums, malformed packets. */
export async function complaints(file: string, port: number): Promise<string> {
  const { stdout } = await run('tshark', [
    ...['-r', file, '-d', `tcp.port==${port},smpp`],
    ...['-o', 'tcp.check_checksum:TRUE', '-o', 'ip.check_checksum:TRUE'],
    ...['-Y', '_ws.expert.severity >= "Warning"'],
    ...['-T', 'fields', '-e', 'frame.number', '-e', '_ws.expert.message'],
  ]);
  return stdout.trim();
}
