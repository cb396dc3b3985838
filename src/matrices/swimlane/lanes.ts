import type { Engagement } from '../../domain/engagement.ts';
import type { Activity } from '../../domain/matrix.ts';
import { PARTIES, type Party } from '../../domain/party.ts';

/** The squads side by side: those of the MSP, then those of the client. */
export interface Lanes {
  /** Where the first lane begins; what a row is called stands left of it. */
  readonly left: number;
  readonly right: number;
  readonly width: number;
  readonly all: readonly Lane[];
  /** Where the client's lanes begin; `null` where one party has none. */
  readonly border: number | null;
}

export interface Lane {
  readonly squad: string;
  readonly party: Party;
  readonly left: number;
  readonly middle: number;
}

export const MARGIN = 16;
const LABEL = 248;
/** With more lanes than these a box has its letter alone, so that the whole still fits a screen. */
export const ROOMY = 10;

/** @param squads those that get a lane, in any order */
export function lanesOf({ matrix }: Engagement, squads: ReadonlySet<string>): Lanes {
  const named = PARTIES.flatMap(party =>
    Object.keys(matrix.parties[party].squads)
      .map(name => ({ squad: `${party}/${name}`, party }))
      .filter(({ squad }) => squads.has(squad)),
  );
  const width = named.length <= 6 ? 136 : named.length <= ROOMY ? 120 : 80;
  const left = MARGIN + LABEL;
  const all = named.map((lane, at) => ({
    ...lane,
    left: left + at * width,
    middle: left + at * width + width / 2,
  }));
  const first = all.find(({ party }) => party === 'client');
  return {
    left,
    right: left + Math.max(all.length, 5) * width,
    width,
    all,
    border: first && first !== all[0] ? first.left : null,
  };
}

/** Every squad that has a part in a row. */
export const squadsOf = ({
  R,
  A,
  A2,
  C = [],
  I = [],
  escalate = [],
  co_approve = [],
}: Activity): string[] => [
  ...R,
  A,
  ...(A2 === undefined ? [] : [A2]),
  ...C,
  ...I,
  ...escalate,
  ...co_approve,
];

/** Every squad of both parties. */
export const everySquad = ({ matrix }: Engagement): string[] =>
  PARTIES.flatMap(party => Object.keys(matrix.parties[party].squads).map(name => `${party}/${name}`));
