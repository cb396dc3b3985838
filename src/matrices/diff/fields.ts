import { formatDuration } from '../../domain/duration.ts';
import type { Answer, Rule } from '../../domain/matrix.ts';
import { type Kind, listed, type Topic } from './lines.ts';
import { without } from './side.ts';
import type { Standing } from './standing.ts';

/** One thing that a cell asks or allows: which way a change of it goes, and how it is said. */
export interface Field<T = unknown> {
  readonly topic: Topic;
  readonly weight: number;
  readonly of: (standing: Standing) => T;
  readonly kind: (was: T, is: T) => Kind;
  readonly words: (was: T, is: T) => string;
  /** Keys of the row and of exceptions that say it. */
  readonly keys: readonly string[];
  /** What a rule requires that says it too. */
  readonly rules?: keyof Rule['require'];
  /** It means nothing where nobody is asked. */
  readonly onlyAsked?: boolean;
}

const field = <T>(row: Field<T>): Field => row as unknown as Field;

const demand = (row: {
  topic: Topic;
  weight: number;
  of: (standing: Standing) => boolean;
  demanded: string;
  dropped: string;
  keys: readonly string[];
  rules?: keyof Rule['require'];
  onlyAsked?: boolean;
}): Field =>
  field<boolean>({
    ...row,
    kind: was => (was ? 'easier' : 'harder'),
    words: was => (was ? row.dropped : row.demanded),
  });

/** A time within which something has to be: a shorter one asks more. */
const within = (row: {
  topic: Topic;
  weight: number;
  of: (standing: Standing) => number | null;
  what: string;
  keys: readonly string[];
}): Field =>
  field<number | null>({
    ...row,
    kind: (was, is) => (is === null || (was !== null && is > was) ? 'easier' : 'harder'),
    words: (was, is) => {
      const said = (seconds: number | null) =>
        seconds === null ? 'not needed' : `within ${formatDuration(seconds)}`;
      return `${row.what} ${said(is)}, was ${said(was)}`;
    },
  });

export const FIELDS: readonly Field[] = [
  field<number>({
    topic: 'limit',
    weight: 68,
    of: ({ limit }) => limit,
    kind: (was, is) => (is > was ? 'easier' : 'harder'),
    words: (was, is) => `longest grant ${formatDuration(is)}, was ${formatDuration(was)}`,
    keys: ['for'],
  }),
  field<Answer>({
    topic: 'answer',
    weight: 78,
    of: ({ answer }) => answer,
    kind: (_, is) => (is === 'pre-approved' ? 'easier' : 'harder'),
    words: (_, is) =>
      is === 'pre-approved'
        ? 'is given at once, nobody has to agree any more'
        : 'somebody has to agree first, was given at once',
    keys: ['answer', 'co_approve'],
  }),
  field<readonly string[]>({
    topic: 'co-approve',
    weight: 74,
    onlyAsked: true,
    of: ({ coApprove }) => [...coApprove].sort(),
    kind: (was, is) => {
      const [more, less] = [without(is, was).length > 0, without(was, is).length > 0];
      return more && less ? 'answers' : more ? 'harder' : 'easier';
    },
    words: (was, is) => {
      const [more, less] = [without(is, was), without(was, is)];
      return [
        ...(more.length > 0 ? [`${listed(more)} must agree as well`] : []),
        ...(less.length > 0 ? [`${listed(less)} need not agree as well any more`] : []),
      ].join(', ');
    },
    keys: ['co_approve'],
  }),
  demand({
    topic: 'parties',
    weight: 76,
    onlyAsked: true,
    of: ({ differ }) => differ,
    demanded: "nobody of the asker's own party may agree",
    dropped: "people of the asker's own party may agree",
    keys: [],
    rules: 'parties',
  }),
  demand({
    topic: 'ticket',
    weight: 66,
    of: ({ ticket }) => ticket,
    demanded: 'a ticket is required',
    dropped: 'no ticket is needed any more',
    keys: ['ticket'],
    rules: 'ticket',
  }),
  demand({
    topic: 'recording',
    weight: 64,
    of: ({ recorded }) => recorded,
    demanded: 'sessions must be recorded',
    dropped: 'sessions need not be recorded any more',
    keys: [],
    rules: 'record',
  }),
  demand({
    topic: 'recording',
    weight: 62,
    of: ({ typed }) => typed,
    demanded: 'what is typed is recorded as well',
    dropped: 'what is typed is recorded no longer',
    keys: ['record'],
  }),
  within({
    topic: 'sign-in',
    weight: 58,
    of: ({ signIn }) => signIn,
    what: 'a sign-in',
    keys: ['sign_in_within'],
  }),
  within({
    topic: 'review',
    weight: 56,
    of: ({ review }) => review,
    what: 'a review afterwards',
    keys: ['review_within'],
  }),
];
