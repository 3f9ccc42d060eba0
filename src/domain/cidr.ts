import ipaddr from 'ipaddr.js';

/** A list of networks, parsed once. */
export interface CidrList {
  /** The networks as they were written. */
  readonly texts: readonly string[];
  /** Whether the address (text, IPv4-mapped IPv6 counts as IPv4) lies in one of them; false for what is no address. */
  contains(address: string): boolean;
}

/** Whether a text is a network such as 192.0.2.0/24, or a single address. */
export function isCidr(text: string): boolean {
  return ipaddr.isValidCIDR(text) || ipaddr.isValid(text);
}

/** Parses networks and single addresses. @throws when one is neither ({@link isCidr} tells) */
export function parseCidrs(texts: readonly string[]): CidrList {
  const networks = texts.map(parseOne);
  return {
    texts,
    contains(address) {
      if (networks.length === 0 || !ipaddr.isValid(address)) return false;
      const parsed = ipaddr.process(address);
      return networks.some(
        ([network, bits]) => network.kind() === parsed.kind() && parsed.match(network, bits),
      );
    },
  };
}

function parseOne(text: string): readonly [ipaddr.IPv4 | ipaddr.IPv6, number] {
  if (ipaddr.isValidCIDR(text)) return ipaddr.parseCIDR(text);
  const address = ipaddr.process(text);
  return [address, address.kind() === 'ipv4' ? 32 : 128];
}
