import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A proxy that lends clients a server connection for one transaction at a time. */
export interface TransactionPooler {
  readonly port: number;
  stop(): Promise<void>;
}

/** ReadyForQuery, and its status outside of a transaction (PostgreSQL 18, 54.7). */
const READY = 0x5a;
const IDLE = 0x49;
const TERMINATE = 0x58;
const AUTHENTICATION_OK = Buffer.from('520000000800000000', 'hex');
const BACKEND_KEY = Buffer.from('4b0000000c0000000100000002', 'hex');
const READY_IDLE = Buffer.from('5a0000000549', 'hex');

interface Server {
  readonly socket: Socket;
  client: Socket | undefined;
}

/**
 * Starts a pooler as PgBouncer is with pool_mode=transaction, before a PostgreSQL that trusts us:
 * it speaks PostgreSQL's protocol by frames, and knows nothing more.
 * @param options.size how many connections to the server it has.
 * @param options.inTurn lends the one that is longest idle, not the one given back last
 *   (server_round_robin).
 */
export async function transactionPooler(
  socketDir: string,
  database: string,
  { size, inTurn }: { size: number; inTurn: boolean },
): Promise<TransactionPooler> {
  const idle: Server[] = [];
  const waiting: { client: Socket; frame: Buffer }[] = [];
  const sockets: Socket[] = [];
  for (let made = 0; made < size; made++) idle.push(await server());

  async function server(): Promise<Server> {
    const socket = connect(`${socketDir}/.s.PGSQL.5432`);
    const own: Server = { socket, client: undefined };
    sockets.push(socket);
    socket.write(startup(database));
    let started = () => {};
    const ready = new Promise<void>((resolve) => {
      started = resolve;
    });
    onFrames(socket, false, (frame) => {
      own.client?.write(frame);
      if (frame[0] !== READY || frame[5] !== IDLE) return;
      if (own.client !== undefined) giveBack(own);
      started();
    });
    await ready;
    return own;
  }

  function giveBack(own: Server): void {
    own.client = undefined;
    const next = waiting.shift();
    if (next === undefined) idle.push(own);
    else lend(own, next.client, next.frame);
  }

  function lend(own: Server, client: Socket, frame: Buffer): void {
    own.client = client;
    lent.set(client, own);
    own.socket.write(frame);
  }

  const lent = new Map<Socket, Server>();
  const listener = createServer((client) => {
    sockets.push(client);
    let greeted = false;
    onFrames(client, true, (frame) => {
      if (!greeted) {
        greeted = true;
        client.write(Buffer.concat([AUTHENTICATION_OK, BACKEND_KEY, READY_IDLE]));
        return;
      }
      if (frame[0] === TERMINATE) return;
      const own = lent.get(client);
      if (own?.client === client) own.socket.write(frame);
      else {
        const free = inTurn ? idle.shift() : idle.pop();
        if (free === undefined) waiting.push({ client, frame });
        else lend(free, client, frame);
      }
    });
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    async stop() {
      listener.close();
      for (const socket of sockets) socket.destroy();
      await once(listener, 'close');
    },
  };
}

// A frame is a type octet and a length that counts itself; a client's first has no type.
function onFrames(socket: Socket, fromClient: boolean, take: (frame: Buffer) => void): void {
  let buffered: Buffer = Buffer.alloc(0);
  let typeOctets = fromClient ? 0 : 1;
  socket.on('error', () => {
    // The other side went away; the test's own client says so.
  });
  socket.on('data', (chunk: Buffer) => {
    buffered = Buffer.concat([buffered, chunk]);
    while (buffered.length >= typeOctets + 4) {
      const octets = typeOctets + buffered.readInt32BE(typeOctets);
      if (buffered.length < octets) return;
      const frame = buffered.subarray(0, octets);
      buffered = buffered.subarray(octets);
      typeOctets = 1;
      take(frame);
    }
  });
}

/** StartupMessage of protocol 3.0. */
function startup(database: string): Buffer {
  const text = Buffer.from(`user\0postgres\0database\0${database}\0\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(8 + text.length, 0);
  head.writeInt32BE(3 << 16, 4);
  return Buffer.concat([head, text]);
}
