import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type postgres from 'postgres';
import { openCheckpoint, parseCheckpoint, tenantOf } from '../audit/checkpoint.ts';
import { CompactRange, leafHash } from '../audit/merkle.ts';
import { decodeVkey, encodeVkey, parseNote } from '../audit/note.ts';
import { verifyExport } from '../audit/verify.ts';
import { contextOf } from '../credentials/contexts.ts';
import type { Keyring } from '../credentials/seal.ts';
import { BackupRefused, type Manifest } from './backup-manifest.ts';

/** What was found of one tenant's log. */
export interface VerifiedLog {
  readonly tenant: string;
  readonly entries: number;
  /** Checkpoints that were held against it, each signed by the log's own key. */
  readonly checkpoints: number;
  /** How many entries from the first on the last of them proves. */
  readonly proven: number;
}

/**
 * Verifies a tenant's log as this transaction sees it: line by line, against the head, and at the size of every
 * checkpoint that stands beside it against the root that was signed there.
 *
 * @throws BackupRefused saying which does not hold
 */
export async function verifyLog(
  tx: postgres.TransactionSql,
  keys: string,
  keyring: Keyring,
  { tenant, entries, hash }: Manifest['logs'][number],
): Promise<VerifiedLog> {
  const wrong = (what: string) => new BackupRefused(`the log of ${tenant} does not verify: ${what}`);
  const stored = await tx<{ size: number; note: string }[]>`
    select size::float8 as size, note from checkpoint where tenant = ${tenant} order by size`;
  const publicKey = stored.length === 0 ? null : await publicKeyOf(keys, keyring, tenant);
  const roots = new Map<number, Buffer>();
  for (const { size, note } of stored) {
    try {
      roots.set(size, rootOf(note, tenant, size, publicKey!));
    } catch {
      throw wrong(`its checkpoint at ${size} is not signed by its key`);
    }
  }
  const tree = CompactRange.empty();
  const matches = (size: number) => roots.get(size)?.equals(tree.root()) !== false;
  async function* lines() {
    for await (const page of tx<{ line: string }[]>`
      select line from log_entry where tenant = ${tenant} order by seq`.cursor(1000)) {
      for (const { line } of page) {
        tree.append(leafHash(Buffer.from(line)));
        if (!matches(tree.size)) throw wrong(`its checkpoint at ${tree.size} was signed over other entries`);
      }
      yield Buffer.from(page.map(({ line }) => `${line}\n`).join(''));
    }
  }
  const found = await verifyExport(lines());
  if (!found.ok) throw wrong(found.findings[0]?.message ?? 'it is no chain');
  const proven = stored.at(-1)?.size ?? 0;
  if (proven > tree.size) throw wrong(`it ends at ${tree.size}, and a checkpoint proves ${proven}`);
  const [head] = await tx<{ entries: number; hash: string; last: string }[]>`
    select h.seq::int as entries, encode(h.hash, 'hex') as hash,
      (select encode(sha256(convert_to(line, 'UTF8')), 'hex') from log_entry l
       where l.tenant = h.tenant order by l.seq desc limit 1) as last
    from log_head h where h.tenant = ${tenant}`;
  if (head?.entries !== entries || head.hash !== hash || head.last !== hash || tree.size !== entries) {
    throw wrong('its end is not where the backup says');
  }
  return { tenant, entries, checkpoints: stored.length, proven };
}

/** The root that a checkpoint of this log, under whatever name the installation then had, was signed over. */
function rootOf(note: string, tenant: string, size: number, publicKey: KeyObject): Buffer {
  const { origin } = parseCheckpoint(parseNote(note).text);
  const opened = openCheckpoint(note, [decodeVkey(encodeVkey(origin, publicKey))]);
  if (tenantOf(opened.origin) !== tenant || opened.size !== size) throw new Error('of another log');
  return opened.root;
}

async function publicKeyOf(keys: string, keyring: Keyring, tenant: string): Promise<KeyObject> {
  const sealed = await readFile(join(keys, `log-${tenant}.sealed`), 'utf8').catch(() => {
    throw new BackupRefused(`the key of ${tenant}'s log is not in it`);
  });
  const key = keyring.unseal(sealed.trim(), contextOf.logKey(tenant));
  return createPublicKey(createPrivateKey({ key, format: 'der', type: 'pkcs8' }));
}
