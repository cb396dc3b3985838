import { HASH_BYTES } from './merkle.ts';
import { type NoteSignature, openNote, type Signer, signNote, strictBase64, type Verifier } from './note.ts';

/**
 * Checkpoints (C2SP tlog-checkpoint): the text of a signed note in lines: origin, number of entries in decimal,
 * root of the tree in base64. Lines after these are extensions; we write none and keep what we read.
 */
export interface Checkpoint {
  /** `<instance name>/<tenant>`. */
  origin: string;
  size: number;
  root: Buffer;
  extensions: string[];
}

export interface OpenedCheckpoint extends Checkpoint {
  /** Held, by keys that were given. */
  signatures: NoteSignature[];
  /** By keys that were not given: not judged. */
  others: NoteSignature[];
}

export class CheckpointError extends Error {
  readonly code = 'malformed-checkpoint';
  constructor(why: string) {
    super(`not a checkpoint: ${why}`);
  }
}

/** The origin of a tenant's log, which is also the name of the key that signs it. */
export function originOf(instance: string, tenant: string): string {
  const origin = `${instance}/${tenant}`;
  if (instance === '' || tenant === '' || tenant.includes('/') || /[+\s\x00-\x1f]/.test(origin)) {
    throw new CheckpointError('an origin is <instance>/<tenant> without white space or +');
  }
  return origin;
}

/** The tenant an origin speaks of: what follows the last slash, or null where there is none. */
export function tenantOf(origin: string): string | null {
  const slash = origin.lastIndexOf('/');
  return slash > 0 && slash < origin.length - 1 ? origin.slice(slash + 1) : null;
}

/** The text to sign. */
export function checkpointText({ origin, size, root }: Pick<Checkpoint, 'origin' | 'size' | 'root'>): string {
  if (!Number.isSafeInteger(size) || size < 0) throw new CheckpointError(`${size} is no number of entries`);
  if (root.length !== HASH_BYTES) throw new CheckpointError('a root has 32 bytes');
  if (origin === '' || origin.includes('\n')) throw new CheckpointError('an origin is one line');
  return `${origin}\n${size}\n${root.toString('base64')}\n`;
}

/** Reads the text of a checkpoint strictly. Throws `CheckpointError`. */
export function parseCheckpoint(text: string): Checkpoint {
  if (!text.endsWith('\n')) throw new CheckpointError('its last line has no end');
  const [origin = '', count = '', encoded = '', ...extensions] = text.slice(0, -1).split('\n');
  if (origin === '') throw new CheckpointError('its first line names no origin');
  if (!/^(0|[1-9]\d{0,15})$/.test(count) || !Number.isSafeInteger(Number(count))) {
    throw new CheckpointError('its second line is no number of entries');
  }
  const root = strictBase64(encoded);
  if (root === null || root.length !== HASH_BYTES) throw new CheckpointError('its third line is no root');
  if (extensions.includes('')) throw new CheckpointError('an extension line is empty');
  return { origin, size: Number(count), root, extensions };
}

/**
 * Signs a checkpoint. The caller vouches that it only ever grows: two signed checkpoints that do not fit together
 * are proof against whoever signed them.
 */
export function signCheckpoint(
  checkpoint: Pick<Checkpoint, 'origin' | 'size' | 'root'>,
  signers: readonly Signer[],
): string {
  return signNote(checkpointText(checkpoint), signers);
}

/** Opens a signed checkpoint. Throws `NoteError` (see `openNote`) or `CheckpointError`. */
export function openCheckpoint(note: string | Uint8Array, verifiers: readonly Verifier[]): OpenedCheckpoint {
  const { text, signatures, others } = openNote(note, verifiers);
  return { ...parseCheckpoint(text), signatures, others };
}
