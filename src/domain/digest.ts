import { timingSafeEqual } from 'node:crypto';

/** Constant time over equal lengths; a digest of another length is simply another digest. */
export function sameDigest(one: string, other: string): boolean {
  const a = Buffer.from(one);
  const b = Buffer.from(other);
  return a.length === b.length && timingSafeEqual(a, b);
}
