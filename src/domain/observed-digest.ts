import { lastAt } from './calendar.ts';
import { findCell } from './cell.ts';
import type { Engagement } from './engagement.ts';
import { observes } from './observed.ts';
import type { Party } from './party.ts';

/** Asks that were alike, while a matrix only observed. A refusal says no target and no role. */
export interface ObservedAsks {
  readonly asker: string;
  readonly party: Party;
  readonly answer: 'refused' | 'needs-approval' | 'pre-approved';
  readonly code: string | null;
  /** Digest of the version that decided. */
  readonly matrix: string;
  readonly cell: string;
  readonly coApprove: readonly string[];
  readonly protocol: string | null;
  readonly role: string | null;
  readonly target: string | null;
  readonly count: number;
}

/** Eight in the morning, in minutes from midnight. */
const MORNING = 480;

/**
 * The last morning by the clocks of the matrix, where what was observed before it is still to be told; `null`: it is
 * told. `told` is up to when the last digest reached.
 */
export function digestDue(told: number | null, now: number, timezone: string): number | null {
  const morning = lastAt(MORNING, now, timezone);
  return told !== null && told >= morning ? null : morning;
}

/**
 * What each squad is told: the accountable of everything in its cells, co-approvers of what they would have been
 * asked. Refusals by a version that enforced are none of it, nor is what a version decided that is not known.
 */
export function asksBySquad(
  asks: readonly ObservedAsks[],
  versions: ReadonlyMap<string, Engagement>,
): Map<string, ObservedAsks[]> {
  const told = new Map<string, ObservedAsks[]>();
  for (const ask of asks) {
    const version = versions.get(ask.matrix);
    const cell = version && observes(version) ? findCell(version, ask.cell) : null;
    if (!cell) continue;
    const besides = ask.answer === 'needs-approval' ? ask.coApprove : [];
    for (const squad of new Set([cell.activity.A, ...besides])) {
      told.set(squad, [...(told.get(squad) ?? []), ask]);
    }
  }
  return told;
}
