import type { Cell } from '../../domain/cell.ts';
import { rightsText, whenText } from '../../domain/explanation.ts';
import type { Activity } from '../../domain/matrix.ts';
import { once } from '../../domain/once.ts';
import { pointer } from './changed-paths.ts';
import { memo } from './memo.ts';
import { rowPath } from './side.ts';

/** The terms of a cell as its row has them, before any exception or rule. */
export const termsOf = ({ for: limit, answer, A, A2, ticket, when, co_approve }: Activity) => ({
  for: limit ?? null,
  answer: answer ?? 'needs-approval',
  A,
  A2: A2 ?? null,
  co_approve: co_approve ?? [],
  ticket: ticket ?? 'optional',
  when: when ?? null,
});

/** The same in words, for access over these protocols. */
export function termsText(row: Activity, access: readonly string[]): string {
  const { for: limit, answer, A, ticket, when, co_approve = [] } = row;
  const open = when && { ...when };
  if (open) delete (open as { target?: unknown }).target;
  const rights = access.some(one => one.startsWith('ssh ')) ? rightsText(row) : null;
  return [
    ...(rights === null ? [] : [`over ssh ${rights}`]),
    `up to ${limit ?? 'no time'}`,
    answer === 'pre-approved' ? 'at once' : whenAgreed([A, ...co_approve]),
    ...(ticket === 'required' ? ['with a ticket'] : []),
    ...(open && Object.keys(open).length > 0 ? [`only ${whenText(open)}`] : []),
  ].join(', ');
}

/** `when client/it agrees`. */
export const whenAgreed = (squads: readonly string[]): string =>
  `when ${squads.join(' and ')} ${squads.length > 1 ? 'agree' : 'agrees'}`;

/** What of a row `termsText` and who may ask for what state, as pointers. */
export const statedPaths = (cell: Cell, access: string): readonly string[] =>
  statedBy(cell)(access.slice(0, access.indexOf(' ')));

const statedBy = once(({ id, activity }: Cell) =>
  memo(protocol => {
    const row = rowPath(id);
    const asked = activity.answer === 'pre-approved' ? [] : [['A'], ['co_approve']];
    return [
      ['R'],
      ['gives', protocol],
      ['for'],
      ['answer'],
      ['ticket'],
      ['when', 'severity'],
      ['when', 'during'],
      ...asked,
    ].map(parts => pointer(...row, ...parts));
  }),
);
