import { openCheckpoint, signCheckpoint } from '../audit/checkpoint.ts';
import type { LogKey } from '../audit/log-keys.ts';
import { CompactRange } from '../audit/merkle.ts';
import { decodeVkey } from '../audit/note.ts';
import type { Clock } from '../store/commit.ts';
import type { Database } from '../store/database.ts';
import { latestCheckpoint, lengthOf, readLines, saveCheckpoint } from '../store/log.ts';

/** A signed statement of how long a log is and what is in it. */
export interface SignedCheckpoint {
  readonly size: number;
  readonly note: string;
}

/** Whether a stored checkpoint carries our own signature over the very edge beside it; what does not is not built on. */
function isOurs(stored: { size: number; note: string; edge: string }, key: LogKey): boolean {
  try {
    const { size, root } = openCheckpoint(stored.note, [decodeVkey(key.vkey)]);
    return size === stored.size && edgeOf(stored).root().equals(root);
  } catch {
    return false;
  }
}

const edgeOf = ({ size, edge }: { size: number; edge: string }): CompactRange =>
  CompactRange.deserialise({
    size,
    hashes: (JSON.parse(edge) as string[]).map(hash => Buffer.from(hash, 'hex')),
  });

/**
 * The checkpoint over all that a tenant's log holds now; the last one where nothing was added since. Reads only the
 * leaves since the last one. Two that run at once sign the same tree.
 *
 * @returns null for a log without entries
 */
export async function takeCheckpoint(
  database: Database,
  key: LogKey,
  log: { tenant: string },
  clock: Clock,
): Promise<SignedCheckpoint | null> {
  const last = await latestCheckpoint(database, log.tenant);
  const size = await lengthOf(database, log.tenant);
  if (size === 0) return null;
  if (last && last.size >= size && isOurs(last, key)) return { size: last.size, note: last.note };
  const edge = last && isOurs(last, key) ? edgeOf(last) : CompactRange.empty();
  for await (const { leaf } of readLines(database, log.tenant, edge.size, size)) edge.append(leaf);
  const note = signCheckpoint({ origin: key.signer.name, size: edge.size, root: edge.root() }, [key.signer]);
  const hashes = edge.serialise().hashes.map(hash => hash.toString('hex'));
  await saveCheckpoint(database, {
    tenant: log.tenant,
    size: edge.size,
    note,
    edge: JSON.stringify(hashes),
    at: clock.now(),
  });
  return { size: edge.size, note };
}
