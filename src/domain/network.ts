/** An IPv4 address that arrived on an IPv6 socket, written as IPv4: `::ffff:10.0.0.7` as `10.0.0.7`. None: no text. */
export const plainAddress = (address: string | undefined): string =>
  (address ?? '').replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '');

/** What one party is usually given: an IPv4 address, or a /64 of IPv6. What is no address comes back as it is. */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.replace(/%.*$/s, '').split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':'));
  const front = groups(head);
  const back = groups(tail ?? '');
  // A dotted quad at the end stands for two groups.
  const length = front.length + back.length + (address.includes('.') ? 1 : 0);
  if (tail === undefined ? length !== 8 : length > 7) return address;
  const four = [...front, ...Array<string>(8 - length).fill('0'), ...back].slice(0, 4);
  if (!four.every(group => /^[\da-f]{1,4}$/i.test(group))) return address;
  return `${four.map(group => Number.parseInt(group, 16).toString(16)).join(':')}::/64`;
}
