import { createHash, createPublicKey, hash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { originOf, signCheckpoint } from '../../src/audit/checkpoint.ts';
import { GENESIS, line, type Unplaced } from '../../src/audit/entry.ts';
import { CompactRange, leafHash } from '../../src/audit/merkle.ts';
import { encodeVkey, noteSigner, privateKeyFromSeed, type Signer } from '../../src/audit/note.ts';

/** Files for one test file, removed after it. */
export function workFolder(): {
  write: (name: string, content: string | Uint8Array) => string;
  path: string;
} {
  const path = mkdtempSync(join(tmpdir(), 'sallyport-audit-'));
  afterAll(() => rmSync(path, { recursive: true, force: true }));
  return {
    path,
    write: (name, content) => {
      const file = join(path, name);
      writeFileSync(file, content);
      return file;
    },
  };
}

/** A key made from one repeated byte, so that signatures are the same in every run. */
export function testKey(byte: number, name = 'sallyport.example/acme'): { signer: Signer; vkey: string } {
  const key = privateKeyFromSeed(Buffer.alloc(32, byte));
  const signer = noteSigner(name, key);
  return { signer, vkey: encodeVkey(name, createPublicKey(key)) };
}

export function chain(
  events: readonly Unplaced[],
  at = (i: number) => new Date(Date.UTC(2026, 10, 20, 15, 0, 0, i * 250)).toISOString(),
): string[] {
  let prev = GENESIS;
  return events.map((event, i) => {
    const text = line(event, { at: at(i), prev, seq: i + 1 });
    prev = hash('sha256', text, 'hex');
    return text;
  });
}

export function events(count: number, tenant = 'acme'): Unplaced[] {
  return Array.from({ length: count }, (_, i) => ({
    tenant,
    action: i % 2 === 0 ? 'request.denied' : 'token.issued',
    actor: i % 3 === 0 ? 'broker' : `person:p_${i}`,
    subject: `req_${i}`,
    data: {
      digest: `d${i}`,
      note: i % 4 === 0 ? 'Zoë – "quoted"\n' : '',
      count: i,
      ratio: i / 7,
      none: null,
    },
  }));
}

export function rootOf(lines: readonly string[]): Buffer {
  const tree = CompactRange.empty();
  for (const text of lines) tree.append(leafHash(Buffer.from(text)));
  return tree.root();
}

export function checkpointFor(lines: readonly string[], signer: Signer, tenant = 'acme'): string {
  const origin = originOf('sallyport.example', tenant);
  return signCheckpoint({ origin, size: lines.length, root: rootOf(lines) }, [signer]);
}

export function file(lines: readonly string[]): string {
  return lines.map(text => `${text}\n`).join('');
}

/** A recording cut into segments, and the log of the session that made it. */
export function recordedSession(
  pieces: readonly string[],
  session = 's_1',
): { cast: string; events: Unplaced[] } {
  const cast = pieces.join('');
  const sha = (text: string) => createHash('sha256').update(text).digest('hex');
  let offset = 0;
  const base = { tenant: 'acme', actor: 'gateway:local', subject: session };
  const segments = pieces.map((piece, index) => {
    const length = Buffer.byteLength(piece);
    const data = { index, offset, length, sha256: sha(piece) };
    offset += length;
    return { ...base, action: 'recording.segment', data };
  });
  const recording = { size: offset, sha256: sha(cast), segments: pieces.length };
  return { cast, events: [...segments, { ...base, action: 'session.ended', data: { recording } }] };
}
