import { cellsCovering } from './cell.ts';
import type { Engagement } from './engagement.ts';
import type { Member } from './person.ts';
import { answerersOf } from './squad.ts';

/** A squad and who is in it now, by handle, in the order in which they are asked. */
export interface Staffed {
  squad: string;
  people: string[];
}

/** Who is R, A, A2, C and I of one activity on a target; served as it is. */
export interface Owners {
  cell: string;
  label: string | null;
  R: Staffed[];
  A: Staffed;
  A2: Staffed | null;
  C: Staffed[];
  I: Staffed[];
  escalate: Staffed[];
  runbook: string | null;
  rollback: string | null;
  /** What whoever takes the work over goes through, and what closes it. */
  takeover: string[];
  handback: string[];
  /** The controls that the cell answers to. */
  controls: string[];
}

/** By cell, in the matrix's order; empty for a target that no service covers. Links of the cell come before its service's. */
export function ownersOf(engagement: Engagement, target: string, people: readonly Member[] = []): Owners[] {
  const staffed = (squad: string): Staffed => ({
    squad,
    people: answerersOf(engagement, squad, people).map(person => person.handle),
  });
  return cellsCovering(engagement, target).map(({ id, service, activity }) => ({
    cell: id,
    label: activity.label ?? null,
    R: activity.R.map(staffed),
    A: staffed(activity.A),
    A2: activity.A2 === undefined ? null : staffed(activity.A2),
    C: (activity.C ?? []).map(staffed),
    I: (activity.I ?? []).map(staffed),
    escalate: (activity.escalate ?? []).map(staffed),
    runbook: activity.runbook ?? service.runbook ?? null,
    rollback: activity.rollback ?? service.rollback ?? null,
    takeover: [...(activity.takeover ?? [])],
    handback: [...(activity.handback ?? [])],
    controls: [...(activity.controls ?? [])],
  }));
}
