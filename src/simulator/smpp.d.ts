/**
 * Types for npm `smpp` 0.5.1, which ships none. Only what we use and what the
 * package really does at run time (read from its lib/*.js), with its traps:
 *
 * - it is CommonJS: use the default import, named imports fail at run time;
 * - `session` and `server` need an `error` listener, or the process dies;
 * - after an `error` from decoding, the session reads nothing more: destroy it;
 * - response callbacks of a session that closes are never called;
 * - for TLS pass `rejectUnauthorized: true`;
 * - decoding turns `short_message` into `{message, udh?}` and times into Date.
 */
declare module 'smpp' {
  import type { EventEmitter } from 'node:events';
  import type { AddressInfo, Socket } from 'node:net';
  import type { SecureContextOptions } from 'node:tls';

  /** What a decoded `short_message` or `message_payload` holds; a Buffer where data_coding names no text alphabet known to the package. */
  export interface Message {
    message: string | Buffer;
    /** Decoded: one Buffer per information element, without the UDH length octet. */
    udh?: Buffer[];
  }

  /** What may be given to be encoded as a message. `udh` is the whole header, its length octet included. */
  export type MessageInput = string | Buffer | { message: string | Buffer; udh?: Buffer };

  /** One destination of submit_multi: an address or a distribution list. */
  export type DestAddress =
    | { dest_addr_ton?: number; dest_addr_npi?: number; destination_addr: string }
    | { dl_name: string };

  /** One refused destination of submit_multi_resp. */
  export interface UnsuccessSme {
    dest_addr_ton?: number;
    dest_addr_npi?: number;
    destination_addr: string;
    error_status_code: number;
  }

  /** Fields that are the same when encoding and decoding. Integers as numbers, C-Octet Strings as ASCII strings. */
  export interface PduFields {
    command_status?: number;
    sequence_number?: number;
    system_id?: string;
    password?: string;
    system_type?: string;
    interface_version?: number;
    addr_ton?: number;
    addr_npi?: number;
    address_range?: string;
    service_type?: string;
    source_addr_ton?: number;
    source_addr_npi?: number;
    source_addr?: string;
    dest_addr_ton?: number;
    dest_addr_npi?: number;
    destination_addr?: string;
    esme_addr_ton?: number;
    esme_addr_npi?: number;
    esme_addr?: string;
    esm_class?: number;
    protocol_id?: number;
    priority_flag?: number;
    registered_delivery?: number;
    replace_if_present_flag?: number;
    /** null when encoding: chosen from the text. */
    data_coding?: number | null;
    sm_default_msg_id?: number;
    message_id?: string;
    message_state?: number;
    error_code?: number;
    dest_address?: DestAddress[];
    unsuccess_sme?: UnsuccessSme[];
    // TLVs (SMPP 3.4 §5.3.2) that the simulator and the tests use.
    additional_status_info_text?: string;
    receipted_message_id?: string;
    user_message_reference?: number;
    qos_time_to_live?: number;
    source_port?: number;
    dest_port?: number;
    sar_msg_ref_num?: number;
    sar_total_segments?: number;
    sar_segment_seqnum?: number;
    sc_interface_version?: number;
    more_messages_to_send?: number;
    network_error_code?: Buffer;
    payload_type?: number;
    language_indicator?: number;
    privacy_indicator?: number;
    callback_num?: unknown[];
    source_subaddress?: Buffer;
    dest_subaddress?: Buffer;
    delivery_failure_reason?: number;
    ms_availability_status?: number;
    congestion_state?: number;
  }

  /** Fields of a PDU to be sent. */
  export interface PduInput extends PduFields {
    short_message?: MessageInput;
    message_payload?: MessageInput;
    schedule_delivery_time?: string | Date;
    validity_period?: string | Date;
    final_date?: string | Date;
  }

  /** A PDU as received (or built with `new smpp.PDU`). TLVs that the package does not know stand under their decimal tag as Buffers. */
  export interface Pdu extends PduFields {
    command: string;
    command_length: number;
    command_id: number;
    command_status: number;
    sequence_number: number;
    short_message?: Message | Buffer | string;
    message_payload?: Message | Buffer | string;
    schedule_delivery_time?: string | Date;
    validity_period?: string | Date;
    final_date?: string | Date;
    [unknownTlv: number]: Buffer;
    isResponse(): boolean;
    /** The matching response (generic_nack for `unknown`), with this PDU's sequence_number. */
    response(fields?: PduInput): Pdu;
    /** Whole PDU as octets. Changes the PDU's text fields to Buffers: call it once. */
    toBuffer(): Buffer;
  }

  export interface PduConstructor {
    new (command: string, fields?: PduInput): Pdu;
    /** Decodes one whole PDU; throws on what it cannot read. */
    new (octets: Buffer): Pdu;
    /** Longest PDU that is read, 16384 octets. */
    maxLength: number;
    fromBuffer(octets: Buffer): Pdu | false;
  }

  type Callback = (pdu: Pdu) => void;
  type Send = (fields: PduInput, onResponse?: Callback, onSent?: Callback) => boolean;

  export interface SessionEvents {
    connect: [];
    secureConnect: [];
    close: [];
    error: [error: Error];
    pdu: [pdu: Pdu];
    send: [pdu: Pdu];
    unknown: [pdu: Pdu];
    bind_receiver: [pdu: Pdu];
    bind_transmitter: [pdu: Pdu];
    bind_transceiver: [pdu: Pdu];
    bind_receiver_resp: [pdu: Pdu];
    bind_transmitter_resp: [pdu: Pdu];
    bind_transceiver_resp: [pdu: Pdu];
    submit_sm: [pdu: Pdu];
    submit_sm_resp: [pdu: Pdu];
    submit_multi: [pdu: Pdu];
    submit_multi_resp: [pdu: Pdu];
    deliver_sm: [pdu: Pdu];
    deliver_sm_resp: [pdu: Pdu];
    data_sm: [pdu: Pdu];
    data_sm_resp: [pdu: Pdu];
    query_sm: [pdu: Pdu];
    query_sm_resp: [pdu: Pdu];
    cancel_sm: [pdu: Pdu];
    cancel_sm_resp: [pdu: Pdu];
    replace_sm: [pdu: Pdu];
    replace_sm_resp: [pdu: Pdu];
    enquire_link: [pdu: Pdu];
    enquire_link_resp: [pdu: Pdu];
    unbind: [pdu: Pdu];
    unbind_resp: [pdu: Pdu];
    outbind: [pdu: Pdu];
    alert_notification: [pdu: Pdu];
    generic_nack: [pdu: Pdu];
  }

  /** One SMPP session on one socket, either side. The short cuts return false when the socket cannot be written. */
  export interface Session extends EventEmitter<SessionEvents> {
    socket: Socket;
    paused: boolean;
    sequence: number;
    send(pdu: Pdu, onResponse?: Callback, onSent?: Callback): boolean;
    pause(): void;
    resume(): void;
    close(onClosed?: () => void): void;
    destroy(onClosed?: () => void): void;
    bind_receiver: Send;
    bind_transmitter: Send;
    bind_transceiver: Send;
    submit_sm: Send;
    submit_multi: Send;
    deliver_sm: Send;
    data_sm: Send;
    query_sm: Send;
    broadcast_sm: Send;
    cancel_sm: Send;
    replace_sm: Send;
    outbind: Send;
    alert_notification: Send;
    enquire_link(onResponse?: Callback): boolean;
    enquire_link(fields: PduInput, onResponse?: Callback): boolean;
    unbind(onResponse?: Callback): boolean;
    unbind(fields: PduInput, onResponse?: Callback): boolean;
    generic_nack: Send;
  }

  export interface ServerEvents {
    session: [session: Session];
    listening: [];
    close: [];
    error: [error: Error];
  }

  export interface Server extends EventEmitter<ServerEvents> {
    readonly sessions: Session[];
    listen(port: number, host?: string, onListening?: () => void): this;
    listen(options: { port: number; host?: string }, onListening?: () => void): this;
    close(onClosed?: (error?: Error) => void): this;
    address(): AddressInfo | string | null;
  }

  export interface ConnectOptions {
    host?: string;
    port?: number;
    /** ssmpp://host:port or smpp://host:port instead of host and port. */
    url?: string;
    tls?: boolean;
    rejectUnauthorized?: boolean;
    ca?: string | Buffer;
    servername?: string;
    cert?: string | Buffer;
    key?: string | Buffer;
    /** Sends enquire_link this often, in milliseconds. */
    auto_enquire_link_period?: number;
  }

  export interface Smpp {
    PDU: PduConstructor;
    connect(options: ConnectOptions | string, onConnected?: () => void): Session;
    createSession(options: ConnectOptions | string, onConnected?: () => void): Session;
    createServer(onSession?: (session: Session) => void): Server;
    createServer(
      options: SecureContextOptions & { requestCert?: boolean },
      onSession?: (session: Session) => void,
    ): Server;
    /** ESME_* name to command_status. */
    errors: Readonly<Record<string, number>>;
    /** command name to its id and fields. */
    commands: Readonly<Record<string, { id: number; params?: Record<string, unknown> }>>;
    commandsById: Readonly<Record<number, { command: string; id: number }>>;
    /** TLV name to its tag. */
    tlvs: Readonly<Record<string, { id: number; tag: string; multiple?: boolean }>>;
    tlvsById: Readonly<Record<number, { id: number; tag: string }>>;
    encodings: Readonly<
      Record<
        'ASCII' | 'LATIN1' | 'UCS2',
        {
          match(text: string): boolean;
          encode(text: string): Buffer;
          decode(octets: Buffer): string;
        }
      >
    >;
    readonly ESM_CLASS: Readonly<Record<string, number>>;
    readonly MESSAGE_STATE: Readonly<
      Record<
        | 'SCHEDULED'
        | 'ENROUTE'
        | 'DELIVERED'
        | 'EXPIRED'
        | 'DELETED'
        | 'UNDELIVERABLE'
        | 'ACCEPTED'
        | 'UNKNOWN'
        | 'REJECTED'
        | 'SKIPPED',
        number
      >
    >;
    readonly REGISTERED_DELIVERY: Readonly<Record<string, number>>;
    readonly TON: Readonly<Record<string, number>>;
    readonly NPI: Readonly<Record<string, number>>;
    readonly ENCODING: Readonly<Record<string, number>>;
    readonly ESME_ROK: number;
    readonly ESME_RINVMSGLEN: number;
    readonly ESME_RINVCMDLEN: number;
    readonly ESME_RINVCMDID: number;
    readonly ESME_RINVBNDSTS: number;
    readonly ESME_RALYBND: number;
    readonly ESME_RSYSERR: number;
    readonly ESME_RINVSRCADR: number;
    readonly ESME_RINVDSTADR: number;
    readonly ESME_RINVMSGID: number;
    readonly ESME_RBINDFAIL: number;
    readonly ESME_RINVPASWD: number;
    readonly ESME_RINVSYSID: number;
    readonly ESME_RCANCELFAIL: number;
    readonly ESME_RREPLACEFAIL: number;
    readonly ESME_RMSGQFUL: number;
    readonly ESME_RSUBMITFAIL: number;
    readonly ESME_RTHROTTLED: number;
    readonly ESME_RX_T_APPN: number;
    readonly ESME_RDELIVERYFAILURE: number;
    readonly ESME_RUNKNOWNERR: number;
  }

  const smpp: Smpp;

  export { smpp as default };
}
