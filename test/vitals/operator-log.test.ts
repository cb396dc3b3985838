import { readFile } from 'node:fs/promises';
import { DrizzleQueryError } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { decodeVkey } from '../../src/audit/note.ts';
import { Refused } from '../../src/elevation/contract.ts';
import { plainError } from '../../src/vitals/operator-log.ts';

const WORDS = 'Restore the patient table of Dana Kim';

const thrownBy = async (work: () => unknown): Promise<unknown> => {
  try {
    await work();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
};

describe('an error in the log of the operator', () => {
  it.each<[string, () => unknown]>([
    ['a parser', () => JSON.parse(`{"reason": ${WORDS}`)],
    ['an address', () => new URL(WORDS)],
    ['a schema', () => z.literal('x', { error: WORDS }).parse(WORDS)],
    ['an argument', () => Buffer.from([1]).toString(WORDS as BufferEncoding)],
    [
      'the database',
      () => {
        throw new DrizzleQueryError('insert', [WORDS], new Error(`value "${WORDS}"`));
      },
    ],
    [
      'a test, as any code that is not ours',
      () => {
        throw new Error(WORDS);
      },
    ],
    [
      'what is no error',
      () => {
        throw WORDS;
      },
    ],
  ])('repeats nothing that %s was given', async (_, work) => {
    const plain = plainError(await thrownBy(work));
    expect(JSON.stringify(plain)).not.toContain('patient');
    expect(plain.name).toMatch(/\w/);
  });

  it('keeps what our own code said, and where', async () => {
    const plain = plainError(await thrownBy(() => decodeVkey('none')));
    expect(plain.message).toMatch(/\w/);
    expect(plain.stack?.[0]).toContain('src/audit/note.ts');
  });

  it('keeps what the operating system said', async () => {
    const plain = plainError(await thrownBy(() => readFile('/nowhere/at-all')));
    expect(plain).toMatchObject({ code: 'ENOENT', message: expect.stringContaining('/nowhere/at-all') });
  });

  it('keeps stable codes', () => {
    expect(plainError(new Refused('no-cell', WORDS))).toMatchObject({ code: 'no-cell' });
  });
});
