import ipaddr from 'ipaddr.js';

/** A list of networks, parsed once. */
export interface CidrList {
  /** The networks as they were written. */
  readonly texts: readonly string[];
  /** Whether the address (text, IPv4-mapped IPv6 counts as IPv4) lies in one of them; false for what is no address. */
  contains(address: string): boolean;
}

/** Whether a text is a network such as 192.0.2.0/24 or 2001:db8::/32, or a single address. */
export function isCidr(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/');
  // ipaddr.js would also take "10" and "010.1.1.1", as inet_aton does.
  if (more.length > 0 || !(FOUR_DECIMALS.test(address) || address.includes(':'))) return false;
  return bits === undefined ? ipaddr.isValid(address) : ipaddr.isValidCIDR(text);
}

const FOUR_DECIMALS = /^(?:(?:0|[1-9]\d{0,2})\.){3}(?:0|[1-9]\d{0,2})$/;

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

/**
 * Whom an address counts for: itself, and of IPv6 its /64, which one machine has whole (RFC 4291 §2.5.4) and can change
 * within at will. A limit by single IPv6 addresses would be none.
 * @param address as a socket gives it, IPv4 not mapped into IPv6; what is no address is its own
 */
export function siteOf(address: string): string {
  if (!address.includes(':') || !ipaddr.IPv6.isValid(address)) return address;
  const network = ipaddr.IPv6.parse(address).parts.slice(0, SITE_GROUPS);
  return `${network.map((group) => group.toString(16)).join(':')}::/64`;
}

const SITE_GROUPS = 4; // of 16 bits

function parseOne(text: string): readonly [ipaddr.IPv4 | ipaddr.IPv6, number] {
  const [network, bits] = ipaddr.isValidCIDR(text)
    ? ipaddr.parseCIDR(text)
    : ([ipaddr.parse(text), undefined] as const);
  if (network instanceof ipaddr.IPv4) return [network, bits ?? 32];
  // ::ffff:192.0.2.0/120 is 192.0.2.0/24: addresses are compared as what they map.
  const isMapped = network.isIPv4MappedAddress() && (bits ?? 128) >= MAPPED_BITS;
  return isMapped ? [network.toIPv4Address(), (bits ?? 128) - MAPPED_BITS] : [network, bits ?? 128];
}

/** Before the IPv4 address in an IPv6 address that maps one (RFC 4291 §2.5.5.2). */
const MAPPED_BITS = 96;
