import type { LiveShell } from './live-shell.ts';

/** What the command of the story prints, and the recordings must show. */
export const GREETING = 'restore of records: 3 of 3 tables verified';

/** A step did not hold; the message says what was seen in the place of what was meant. */
export class NotSo extends Error {}

export function hold(condition: boolean, seen: string): asserts condition {
  if (!condition) throw new NotSo(seen);
}

/** What later steps need of earlier ones. */
export interface Thread {
  request: string;
  grant: string;
  endsAt: number;
  digest: string;
  /** The live session that the deadline will cut. */
  shell: LiveShell | null;
  leaked: { key: string; certificate: string } | null;
  session: string;
}
