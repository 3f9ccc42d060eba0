import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

/** What stands between a client that speaks plain SMPP and a door: a proxy, a TLS tunnel, another address. */
export interface Relay {
  /** Of 127.0.0.1. */
  readonly port: number;
  close(): Promise<void>;
}

/** Joins each connection with one that `open` makes; what `open` writes first goes first. */
export async function startRelay(open: () => Socket): Promise<Relay> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = open();
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        to.end();
      });
      from.pipe(to);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
