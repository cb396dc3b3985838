import type { Cell } from '../../domain/cell.ts';
import { exceptionText, givesText, whenText } from '../../domain/explanation.ts';
import { ANSWER_WITHIN } from '../../domain/matrix.ts';

/** What a drawing shows, in words; as the matrix has them, so whoever shows them makes them visible. */

export const cellName = ({ id, activity }: Cell): string => activity.label ?? id.split('/')[1]!;

/** One activity as a sentence or a few. */
export function cellSentence(cell: Cell): string {
  const { R, A, A2, C = [], I = [], escalate = [], co_approve = [], handback = [], answer } = cell.activity;
  const within = cell.activity.answer_within ?? ANSWER_WITHIN;
  const second = A2 !== undefined && A2 !== A;
  const parts =
    answer === 'pre-approved'
      ? [`${listed(R)} acts at once`, `${listed([A, ...(second ? [A2] : [])])} is told after`]
      : [
          `${listed(R)} asks`,
          ...(C.length > 0 ? [`${listed(C)} advises first`] : []),
          `${A} answers`,
          ...(co_approve.length > 0 ? [`${listed(co_approve)} must say yes too`] : []),
          second ? `after ${within} ${A2} may answer` : 'nobody answers in its place',
          ...(escalate.length > 0 ? [`${listed(escalate)} is told when nobody answered`] : []),
        ];
  return [
    `${cellName(cell)} (${cell.id}): ${parts.join(', ')}`,
    ...(answer === 'pre-approved' && C.length > 0 ? [`; ${listed(C)} advises`] : []),
    ...(I.length > 0 ? [`; ${listed(I)} is told after`] : []),
    ...(handback.length > 0 ? [`; ${R[0]} hands it back`] : []),
    '.',
  ].join('');
}

const listed = (names: readonly string[]): string => names.join(' and ');

/** What a cell gives, and within which limits, in a line. */
export function limitsText(cell: Cell): string {
  const { gives, ticket, answer, review_within, when } = cell.activity;
  return [
    gives ? givesText(cell) : 'no access, only who decides',
    ...(cell.activity.for ? [`at most ${cell.activity.for}`] : []),
    ...(ticket === 'required' ? ['with a ticket'] : []),
    ...(when ? [`only when ${whenText(when)}`] : []),
    ...(answer === 'pre-approved' ? ['opens at once'] : []),
    ...(answer === 'pre-approved' && review_within ? [`reviewed within ${review_within}`] : []),
  ].join(' · ');
}

/** What is otherwise at times, a line each. */
export const exceptionLines = ({ activity }: Cell): string[] =>
  (activity.exceptions ?? []).map(exception => `Except ${exception.name}: ${exceptionText(exception)}`);
