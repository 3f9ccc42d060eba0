/** A simulated carrier of a misbehaving run. */
export interface Dialect {
  name: string;
  /** Arguments of `smppgate simulate carrier`. */
  args: string[];
}

/** Ids start again after so many messages of a carrier at least: fewer would be reused while all are open. */
const idsLeast = 500;
/** How often each id is used over a run. */
const reuses = 4;

/**
 * Five carriers that write ids in five ways. Their numbers are small and meet: the hex of one is the decimal of
 * another, at the same carrier, at the same time.
 */
export function dialects(messages: number): Dialect[] {
  const own: Dialect[] = [
    {
      name: 'hexdec',
      args: ['--response-ids', 'hex', '--receipt-ids', 'decimal', '--first-id', '4096'],
    },
    {
      name: 'padded',
      args: ['--response-ids', 'decimal-padded', '--receipt-ids', 'decimal', '--first-id', '1'],
    },
    {
      // 0x12345678: ids of eight digits that read as decimals as well.
      name: 'upper',
      args: [
        ...['--response-ids', 'hex-upper-padded', '--receipt-ids', 'decimal'],
        ...['--first-id', '305419896', '--receipt-dates', 'seconds', '--receipt-zone', '180'],
      ],
    },
    {
      name: 'dechex',
      args: [
        ...['--response-ids', 'decimal', '--receipt-ids', 'hex-upper', '--first-id', '65536'],
        ...['--receipt-format', 'text'],
      ],
    },
    { name: 'words', args: ['--response-ids', 'text', '--first-id', '1000'] },
  ];
  const idsInAll = Math.max(idsLeast, Math.ceil(messages / own.length / reuses));
  return own.map(({ name, args }) => ({
    name,
    args: [...args, '--ids-in-all', String(idsInAll)],
  }));
}

/**
 * Percent of the submits to which each misbehaviour happens. Those that end a session happen some hundred times in a
 * million messages; `silent` and `mute` hold a session for as long as the gateway waits for an answer.
 */
export const mixOfRun = {
  early: 5,
  late: 0.5,
  duplicate: 5,
  contradicting: 3,
  intermediate: 3,
  'data-sm': 5,
  'text-only': 5,
  'tlv-only': 5,
  binary: 3,
  'other-number': 5,
  'strange-id': 1,
  unparsable: 1,
  'unknown-state': 1,
  missing: 0.5,
  'one-segment': 5,
  shuffled: 30,
  'reused-id': 1,
  slow: 0.05,
  throttled: 0.5,
  full: 0.2,
  garbage: 1,
  framing: 0.003,
  unbind: 0.005,
  cut: 0.005,
  drop: 0.003,
  mute: 0.001,
  silent: 0.0005,
} as const;
