import { randomBytes } from 'node:crypto';

/** 80 random bits in Crockford's base 32, lower case: unguessable enough to name, short enough to read out. */
export function freshId(prefix: string): string {
  const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
  return `${prefix}_${Array.from(randomBytes(16), byte => alphabet[byte & 31]).join('')}`;
}
