import { hash } from 'node:crypto';
import { ChainCheck } from './chain.ts';
import { CheckpointError, type OpenedCheckpoint, openCheckpoint, tenantOf } from './checkpoint.ts';
import { type Entry, MAX_LINE_BYTES, readEntry } from './entry.ts';
import { type CheckName, type Finding, Findings } from './finding.ts';
import { eachLine, type Source } from './lines.ts';
import { CompactRange } from './merkle.ts';
import { decodeVkey, NoteError, type NoteSignature } from './note.ts';

export { verifyRecording } from './verify-recording.ts';

/**
 * Verifies an export by itself: no broker, no database, no network, and nothing taken from whoever wrote it. Only
 * node: modules and the files beside this one, so that it can be handed over as one file.
 */

export interface VerifyOptions {
  /** A signed checkpoint and the verifier keys that are trusted to sign it. */
  checkpoint?: { note: string | Uint8Array; keys: readonly string[] };
  /** Called for each line that reads as an entry. */
  onEntry?: (entry: Entry, line: number) => void;
  /** Called after each chunk. */
  onProgress?: (done: { bytes: number; entries: number }) => void;
}

/** One question put to the files. `holds` is null where these files cannot answer it. */
export interface Check {
  check: CheckName;
  holds: boolean | null;
  text: string;
}

export interface Verification {
  /** Nothing was found against the files. With `proven` null, that says nothing about the end of the log. */
  ok: boolean;
  tenant: string | null;
  /** Whole lines in the file. */
  entries: number;
  first: { seq: number; at: string } | null;
  last: { seq: number; at: string } | null;
  /** Root of the tree over all lines of the file, base64 as in a checkpoint. */
  root: string;
  checks: Check[];
  findings: Finding[];
  /** Findings in all; `findings` keeps the first hundred. */
  found: number;
  /** So many entries from the first on are what the log's key signed. */
  proven: { size: number } | null;
  checkpoint: { origin: string; size: number; root: string; signed_by: string[]; others: string[] } | null;
  /** What nobody can know from these files alone. */
  unknown: string[];
}

/**
 * Reads the export once, in flat memory. Throws what reading the file throws, and `NoteError` `malformed-key` for
 * a key that is none; whatever is wrong with the export or the checkpoint is a finding.
 */
export async function verifyExport(source: Source, options: VerifyOptions = {}): Promise<Verification> {
  const findings = new Findings();
  const checkpoint = options.checkpoint === undefined ? null : open(options.checkpoint, findings);
  const chain = new ChainCheck(findings);
  const tree = CompactRange.empty();
  let tenant: string | null = null;
  let first: Verification['first'] = null;
  let rootAtCheckpoint = checkpoint?.size === 0 ? tree.root() : null;
  let bytes = 0;

  const ending = await eachLine(
    source,
    MAX_LINE_BYTES,
    (buffer, start, end) => {
      const line = tree.size + 1;
      const content = buffer.subarray(start, end);
      const digest = hash('sha256', content, 'hex');
      const read = readEntry(content);
      if ('fault' in read) {
        findings.add(read.fault.code, line, `line ${line} ${read.fault.why}`);
        chain.unreadable(line, digest);
      } else {
        const { entry } = read;
        first ??= { seq: entry.seq, at: entry.at };
        tenant ??= entry.tenant;
        if (entry.tenant !== tenant) {
          findings.add(
            'mixed-tenants',
            line,
            `line ${line} belongs to ${show(entry.tenant)}, not to ${show(tenant)}`,
          );
        }
        chain.entry(line, entry, digest);
        options.onEntry?.(entry, line);
      }
      // RFC 6962: a leaf is hashed behind a zero byte, and the reader keeps one byte free before each line.
      buffer[start - 1] = 0;
      tree.append(hash('sha256', buffer.subarray(start - 1, end), 'buffer'));
      if (tree.size === checkpoint?.size) rootAtCheckpoint = tree.root();
    },
    count => {
      bytes += count;
      options.onProgress?.({ bytes, entries: tree.size });
    },
  );
  chain.end();

  const entries = tree.size;
  const { last } = chain;
  if (ending.kind === 'truncated') {
    findings.add(
      'truncated-line',
      entries + 1,
      `line ${entries + 1} ends after ${ending.bytes} bytes without a newline`,
    );
  } else if (ending.kind === 'too-long') {
    findings.add(
      'line-too-long',
      entries + 1,
      `line ${entries + 1} is longer than ${MAX_LINE_BYTES} bytes; nothing after it was read`,
    );
  } else if (entries === 0) {
    findings.add('empty', null, 'the file holds no entry');
  }

  const proven = compare(
    checkpoint,
    { tenant, entries, last, rootAtCheckpoint, whole: ending.kind !== 'too-long' },
    findings,
  );
  const result: Omit<Verification, 'checks' | 'unknown'> = {
    ok: findings.count === 0,
    tenant,
    entries,
    first,
    last,
    root: tree.root().toString('base64'),
    findings: findings.list(),
    found: findings.count,
    proven,
    checkpoint: checkpoint && {
      origin: checkpoint.origin,
      size: checkpoint.size,
      root: checkpoint.root.toString('base64'),
      signed_by: checkpoint.signatures.map(named),
      others: checkpoint.others.map(named),
    },
  };
  return {
    ...result,
    checks: checksOf(result, findings, options.checkpoint !== undefined),
    unknown: unknownOf(result),
  };
}

/** Null when there is nothing that may be believed; why is among the findings then. */
function open(
  { note, keys }: NonNullable<VerifyOptions['checkpoint']>,
  findings: Findings,
): OpenedCheckpoint | null {
  const verifiers = keys.map(decodeVkey);
  try {
    const checkpoint = openCheckpoint(note, verifiers);
    // The key's name says for which logs it may sign: the log of that name, or those below it.
    if (checkpoint.signatures.some(s => s.name === checkpoint.origin || under(s.name, checkpoint.origin))) {
      return checkpoint;
    }
    findings.add(
      'wrong-origin',
      null,
      `the checkpoint is of ${show(checkpoint.origin)}, but the key signs for ${checkpoint.signatures.map(named).join(', ')}`,
    );
  } catch (error) {
    if (error instanceof CheckpointError) {
      findings.add('malformed-checkpoint', null, error.message);
    } else if (error instanceof NoteError && error.code === 'bad-signature') {
      findings.add(
        'bad-signature',
        null,
        `the checkpoint was changed, or signed by somebody else: ${error.message}`,
      );
    } else if (error instanceof NoteError && error.code === 'no-known-signature') {
      findings.add('wrong-key', null, `the checkpoint is ${error.message}`);
    } else if (error instanceof NoteError) {
      findings.add('malformed-checkpoint', null, error.message);
    } else {
      throw error;
    }
  }
  return null;
}

function under(name: string, origin: string): boolean {
  return origin.startsWith(`${name}/`) && !origin.slice(name.length + 1).includes('/');
}

/** Holds what the file gave against what was signed. */
function compare(
  checkpoint: OpenedCheckpoint | null,
  file: {
    tenant: string | null;
    entries: number;
    last: Verification['last'];
    rootAtCheckpoint: Buffer | null;
    whole: boolean;
  },
  findings: Findings,
): Verification['proven'] {
  if (checkpoint === null) return null;
  const { origin, size, root } = checkpoint;
  if (file.tenant !== null && tenantOf(origin) !== file.tenant) {
    findings.add(
      'wrong-origin',
      null,
      `the checkpoint is of ${show(origin)}, the file is the log of ${show(file.tenant)}`,
    );
    return null;
  }
  const reached = file.last?.seq ?? 0;
  if (reached < size && file.entries < size) {
    // Where reading stopped early, nothing is known about the end.
    if (!file.whole) return null;
    findings.add(
      'tail-cut',
      null,
      `the checkpoint proves ${size} entries and the file ends at ${reached}: ${size - reached} are missing at the end`,
    );
    return null;
  }
  if (file.rootAtCheckpoint === null) return null;
  if (!file.rootAtCheckpoint.equals(root)) {
    findings.add(
      'root-mismatch',
      null,
      `the first ${size} lines give the root ${file.rootAtCheckpoint.toString('base64')}, signed is ${root.toString('base64')}: at least one of them was changed after it was signed`,
    );
    return null;
  }
  return { size };
}

function checksOf(
  v: Omit<Verification, 'checks' | 'unknown'>,
  findings: Findings,
  hasCheckpoint: boolean,
): Check[] {
  const told = (check: CheckName, text: string): Check => ({ check, holds: !findings.fails(check), text });
  const checks = [
    told('lines', `each of ${v.entries} lines is one entry of one tenant, canonical to the byte`),
    told('chain', 'numbers run from 1 without a gap, and each entry names the hash of the one before'),
    told('clock', 'times never run back'),
  ];
  if (!hasCheckpoint) {
    return [
      ...checks,
      { check: 'root', holds: null, text: 'the tail is not proven: no checkpoint was given' },
    ];
  }
  const by = v.checkpoint?.signed_by.join(', ') ?? 'the given key';
  checks.push(told('signature', `the checkpoint is of this log and signed by ${by}`));
  checks.push({
    check: 'root',
    holds: v.proven !== null ? true : findings.fails('root') ? false : null,
    text: `the root of the first ${v.checkpoint?.size ?? '…'} lines is the one that was signed`,
  });
  return checks;
}

function unknownOf(v: Omit<Verification, 'checks' | 'unknown'>): string[] {
  const unknown: string[] = [];
  if (v.checkpoint === null) {
    unknown.push(
      'whether entries were cut from the end, or lines rewritten together with all that follow, the last line among them: only a checkpoint shows that',
    );
  } else {
    const after = v.entries - v.checkpoint.size;
    if (v.proven !== null && after > 0) {
      unknown.push(
        `whether the last ${after} of ${v.entries} lines stay as they are: the checkpoint ends at ${v.checkpoint.size}`,
      );
    }
    unknown.push(`what was written after entry ${Math.max(v.checkpoint.size, v.last?.seq ?? 0)}`);
    const others = v.checkpoint.others.length;
    unknown.push(
      others > 0
        ? `whether others were shown the same log: ${others} further signature${others > 1 ? 's' : ''} by keys that were not given (${v.checkpoint.others.join(', ')})`
        : 'whether others were shown the same log: no witness signed this checkpoint',
    );
  }
  unknown.push('the words behind salted hashes, which stand in the database and may have been erased');
  unknown.push('whether all that happened was written down');
  return unknown;
}

function named(signature: NoteSignature): string {
  return `${signature.name}+${signature.id}`;
}

/** Text from a file that nobody vouches for: quoted and short. */
function show(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
