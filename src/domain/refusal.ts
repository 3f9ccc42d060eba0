/** Why a submit or a bind is refused: the keys of docs' refusal table, the `result` label of metrics, the reason on the timeline. */
export type RefusalKey =
  | 'tooManyBinds'
  | 'throttled'
  | 'queueFull'
  | 'insufficientCredit'
  | 'expiredCredit'
  | 'accountSuspended'
  | 'destinationSuspended'
  | 'contentRefused'
  | 'optedOut'
  | 'noConsent'
  | 'senderRefused'
  | 'outsideHours'
  | 'recipientPattern'
  | 'duplicate'
  | 'classRefused'
  | 'capReached'
  | 'missingTlv'
  | 'noRoute'
  | 'storeUnavailable';

/** A refusal is a value: its key, and the reason in words (for additional_status_info_text and the timeline). */
export interface Refusal {
  readonly key: RefusalKey;
  readonly detail: string;
}

/** An account's own command_status by refusal (`statusFor`). */
export type StatusFor = Readonly<Partial<Record<RefusalKey, number>>>;

/** The command_status that answers a refusal: the account's own where it has one. */
export function statusOf(key: RefusalKey, statusFor: StatusFor): number {
  return statusFor[key] ?? defaultStatus(key);
}

/** The command_status of a refusal by default. Total: a new key does not compile until it has a status. */
export function defaultStatus(key: RefusalKey): number {
  switch (key) {
    // The specification's own (SMPP 3.4 §5.1.3).
    case 'tooManyBinds':
      return 0x05; // ESME_RALYBND
    case 'throttled':
      return 0x58; // ESME_RTHROTTLED
    case 'queueFull':
      return 0x14; // ESME_RMSGQFUL
    case 'senderRefused':
      return 0x0a; // ESME_RINVSRCADR
    case 'missingTlv':
      return 0xc3; // ESME_RMISSINGTLV
    case 'noRoute':
      return 0x0b; // ESME_RINVDSTADR
    case 'storeUnavailable':
      return 0x08; // ESME_RSYSERR
    // Ours, in the range reserved for SMSC vendors (0x400 to 0x4FF).
    case 'insufficientCredit':
      return 0x401;
    case 'expiredCredit':
      return 0x402;
    case 'accountSuspended':
      return 0x403;
    case 'destinationSuspended':
      return 0x404;
    case 'contentRefused':
      return 0x405;
    case 'optedOut':
      return 0x406;
    case 'noConsent':
      return 0x407;
    case 'outsideHours':
      return 0x409;
    case 'recipientPattern':
      return 0x40a;
    case 'duplicate':
      return 0x40b;
    case 'classRefused':
      return 0x40c;
    case 'capReached':
      return 0x40d;
  }
}

/** Every key, for schemas and metrics. */
export const REFUSAL_KEYS: readonly RefusalKey[] = Object.keys({
  tooManyBinds: 0,
  throttled: 0,
  queueFull: 0,
  insufficientCredit: 0,
  expiredCredit: 0,
  accountSuspended: 0,
  destinationSuspended: 0,
  contentRefused: 0,
  optedOut: 0,
  noConsent: 0,
  senderRefused: 0,
  outsideHours: 0,
  recipientPattern: 0,
  duplicate: 0,
  classRefused: 0,
  capReached: 0,
  missingTlv: 0,
  noRoute: 0,
  storeUnavailable: 0,
} satisfies Record<RefusalKey, 0>) as RefusalKey[];
