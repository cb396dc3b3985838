/** An IPv4 address that came over an IPv6 socket, as people know it. */
export const plainAddress = (address: string | undefined): string =>
  (address ?? '').replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '');

/** What one party is given, and what is counted as one: an IPv4 address, or a /64 of IPv6. */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const [head, tail] = address.replace(/%.*$/, '').split('::');
  const groups = (part: string | undefined) => (part ? part.split(':') : []);
  const front = groups(head);
  const back = groups(tail);
  // A dotted quad at the end stands for two groups.
  const length = front.length + back.length + (address.includes('.') ? 1 : 0);
  const all = [...front, ...Array<string>(Math.max(0, 8 - length)).fill('0'), ...back];
  const four = all.slice(0, 4).map(group => Number.parseInt(group, 16).toString(16));
  return `${four.join(':')}::/64`;
}
