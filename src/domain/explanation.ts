import { timeAt } from './calendar.ts';
import type { Cell } from './cell.ts';
import { formatDuration } from './duration.ts';
import type { Engagement } from './engagement.ts';
import { isShortForm, rolesGiven, sshGives } from './gives.ts';
import type { Activity, Exception, Rule, Selector, When } from './matrix.ts';
import { once } from './once.ts';
import type { Protocol } from './protocol.ts';
import type { Question } from './question.ts';
import type { RefusalCode } from './refusal.ts';
import type { Labels, Target } from './target.ts';

/** How decisions speak: one line a fact, in the matrix's own words. A refusal's line begins with its code. */

export interface Refusal {
  readonly code: RefusalCode;
  readonly line: string;
}

const refusal = (code: RefusalCode, line: string): Refusal => ({ code, line: `${code}: ${line}` });

const listed = (value: string | readonly string[]): string =>
  typeof value === 'string' ? value : value.join(' or ');

export const selectorText = once(
  (selector: Selector | Labels): string =>
    Object.entries(selector)
      .map(([key, value]) => `${key}: ${listed(value)}`)
      .join(', ') || 'no labels',
);

export const whenText = once((when: When): string =>
  [
    ...(when.severity === undefined ? [] : [`severity: ${listed(when.severity)}`]),
    ...(when.during === undefined ? [] : [`during: ${listed(when.during)}`]),
    ...(when.target === undefined ? [] : [selectorText(when.target)]),
  ].join(', '),
);

/** `ssh root, ssh backup, postgres restore_operator`; in the long form `ssh root (shell, transfer)`. */
export const givesText = ({ activity }: Cell): string =>
  (Object.keys(activity.gives ?? {}) as Protocol[])
    .flatMap(protocol => rolesGiven(activity, protocol).map(role => roleText(activity, protocol, role)))
    .join(', ') || 'nothing';

/** One login or role, and what it may do where the cell says so. */
export function roleText(activity: Activity, protocol: Protocol, role: string): string {
  const rights = protocol === 'ssh' ? rightsText(activity) : null;
  return `${protocol} ${role}${rights === null ? '' : ` (${rights})`}`;
}

/** `shell alone`, `shell, exec`; `null` in the short form, which does not say. */
export function rightsText(activity: Pick<Activity, 'gives'>): string | null {
  const rights = sshGives(activity);
  if (isShortForm(activity) || rights.logins.length === 0) return null;
  const named = (['exec', 'transfer', 'forward', 'agent'] as const).filter(right => rights[right]);
  return named.length === 0 ? 'shell alone' : `shell, ${named.join(', ')}`;
}

const asked = ({ protocol, role }: Question): string =>
  protocol === null ? 'no login was named' : `${protocol} ${role ?? 'without a role'} was asked`;

export const lockedOut = ({ matrix }: Engagement): Refusal =>
  refusal(
    'locked-out',
    `${matrix.parties.client.name} has shut ${matrix.parties.msp.name} out of ${matrix.matrix}`,
  );

export function noCell(
  engagement: Engagement,
  question: Question,
  target: Target | null,
  cell: Cell | null,
): Refusal {
  if (!target)
    return refusal('no-cell', `the inventory of ${engagement.tenant} has no target "${question.target}"`);
  const labels = selectorText(target.labels);
  if (question.activity === null) {
    return refusal('no-cell', `no service covers ${question.target} (${labels})`);
  }
  if (!cell) return refusal('no-cell', `the matrix has no activity "${question.activity}"`);
  const wanted = selectorText({ ...cell.service.targets, ...cell.activity.when?.target });
  return refusal('no-cell', `${cell.id} covers targets with ${wanted}; ${question.target} has ${labels}`);
}

export const activityNeeded = (question: Question, cells: readonly Cell[]): Refusal =>
  refusal(
    'activity-needed',
    `several fit on ${question.target}, say which: ${cells.map(cell => cell.id).join(', ')}`,
  );

export const notResponsible = ({ asker, target }: Question, cells: readonly Cell[]): Refusal =>
  refusal(
    'not-responsible',
    `${asker.handle} (${asker.party}) is in no R on ${target}: ${cells
      .map(({ id, activity }) => `${id} has R ${activity.R.join(', ')}`)
      .join('; ')}`,
  );

export const notGiven = (question: Question, cells: readonly Cell[]): Refusal =>
  refusal(
    'not-given',
    `${asked(question)}; ${cells.map(cell => `${cell.id} gives ${givesText(cell)}`).join('; ')}`,
  );

export const notOffered = ({ target, protocol }: Question): Refusal =>
  refusal('not-given', `the inventory has no ${protocol} address for ${target}`);

export const outsideWindow = (engagement: Engagement, { at }: Question, { id, activity }: Cell): Refusal =>
  refusal(
    'outside-window',
    `${id} is open when ${whenText(activity.when ?? {})}; it would start ${timeAt(at, engagement.matrix.timezone)}`,
  );

export const tooLong = ({ seconds }: Question, limit: string, source: string): Refusal =>
  refusal('duration-too-long', `${formatDuration(seconds)} was asked; ${source} allows ${limit} at most`);

export const ticketMissing = (source: string): Refusal =>
  refusal('ticket-required', `${source} asks for a ticket`);

export const nobodyLeft = (squad: string): Refusal =>
  refusal('no-approver', `nobody of ${squad} is left who may answer`);

export const tooFew = (coApprove: readonly string[]): Refusal =>
  refusal('no-approver', `too few people: the approver and ${coApprove.join(', ')} must be different ones`);

export const exceptionName = ({ name }: Exception): string => `exception "${name}"`;

/** What an exception changes, and when. */
export function exceptionText({
  when,
  answer,
  co_approve,
  ticket,
  review_within,
  ...rest
}: Exception): string {
  return [
    `when ${whenText(when)}`,
    ...(answer === undefined ? [] : [answer === 'pre-approved' ? 'it opens at once' : 'it needs a yes']),
    ...(rest.for === undefined ? [] : [`at most ${rest.for}`]),
    ...(co_approve === undefined ? [] : [`${co_approve.join(', ')} must say yes too`]),
    ...(ticket === undefined ? [] : [`ticket ${ticket}`]),
    ...(review_within === undefined ? [] : [`reviewed within ${review_within}`]),
  ].join(', ');
}

export const ruleText = once(
  ({ name, require }: Rule): string =>
    `rule "${name}" requires ${Object.entries(require)
      .map(([what, how]) => `${what}: ${how}`)
      .join(', ')}`,
);
