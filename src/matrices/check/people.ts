import type { Cell } from '../../domain/cell.ts';
import { fillable } from '../../domain/ladder.ts';
import type { Answerer } from '../../domain/squad.ts';
import { nearestOf } from '../problem.ts';
import { type Check, named, type Sighting } from './finding.ts';
import {
  everybodyOf,
  givesSomething,
  partyOf,
  pathOf,
  type Survey,
  squadsThatAnswer,
  type Way,
  waysOf,
} from './survey.ts';

/** Who is there to ask and to answer, as far as the files know. */
export const PEOPLE: readonly Check[] = [
  {
    code: 'no-secondary',
    severity: 'error',
    title: 'A cell has no secondary owner',
    help: 'When A does not answer, somebody else must be able to. There is no A2, or A2 is the same squad, or everybody in A2 is in A already. The last is found where both squads name their people and take no group.',
    mend: 'Add `A2` with another squad, or other people to the one that is there.',
    find: survey => survey.cells.flatMap(cell => noSecondary(survey, cell)),
  },
  {
    code: 'r-without-people',
    severity: 'error',
    title: 'A cell has nobody in R',
    help: 'Nobody can ask for what the cell gives, and nobody does the work. An error where every squad of R names its people, takes no group and has nobody. A warning where R is known by groups alone and none of the people of expectations.yaml is in one of them: only the identity provider knows then whether anybody is. Without expectations nothing is said of groups.',
    mend: 'Name people or a group in the squad, or put somebody of it into expectations.yaml so that a test asks as them. A group that nobody has is often misspelt.',
    find: survey => survey.cells.flatMap(cell => nobodyInR(survey, cell)),
  },
  {
    code: 'a-without-people',
    severity: 'error',
    title: 'A cell has nobody in A',
    help: 'The squad in A names its people, takes no group and has nobody. Every request waits for A2, and where A2 is empty too, the answer is always no.',
    mend: 'Name people or a group in the squad, or another squad in A.',
    find: survey => survey.cells.flatMap(cell => nobodyInA(survey, cell)),
  },
  {
    code: 'asks-itself',
    severity: 'error',
    title: 'R and A are one and the same person',
    help: 'Nobody approves their own request, so A can never answer this cell. A warning where the squad takes a group and the files know one person of it: others may be there.',
    mend: 'Name a second person in A, or another squad in R or A.',
    find: survey => survey.cells.flatMap(cell => asksItself(survey, cell)),
  },
  {
    code: 'too-few-people',
    severity: 'error',
    title: 'One person is needed in two places',
    help: 'The approver and each co-approver must be different people, and none of them the one who asks. Here the files name too few. An error where no request can ever be filled; a warning where it takes A2, who is asked later, or where it only fails for somebody of R. Squads that take a group may always have somebody more, so they are never found short.',
    mend: 'Name another person in one of the squads, or another squad as co-approver.',
    find: survey =>
      survey.cells.flatMap(cell => waysOf(cell).flatMap(way => tooFewPeople(survey, cell, way))),
  },
  {
    code: 'one-signer',
    severity: 'warning',
    title: 'One person alone can sign for a party, or lock out',
    help: 'While that person is away no version can be signed, or the MSP cannot be shut out. An error where nobody is left at all. Only squads that name their people and take no group are counted.',
    mend: 'Name a second person in the squad, or a second squad under `governance`.',
    find: oneSigner,
  },
];

function noSecondary(survey: Survey, cell: Cell): Sighting[] {
  const { A, A2 } = cell.activity;
  const sighting = (message: string, mend: string): Sighting[] => [
    { file: 'matrix', path: pathOf(cell), subject: cell.id, message: `${cell.id} ${message}`, mend },
  ];
  if (A2 === undefined) {
    return sighting(`has no secondary: when ${A} does not answer, nobody can`, 'add A2 with another squad');
  }
  if (A2 === A) {
    return sighting(
      `has ${A} in A and in A2: when it does not answer, nobody can`,
      'name another squad in A2',
    );
  }
  const second = survey.rosters.get(A2)!;
  const first = survey.rosters.get(A)!;
  if (!second.closed || [...second.people.keys()].some(key => !first.people.has(key))) return [];
  return second.people.size === 0
    ? sighting(`has nobody in A2: ${A2} names no people`, `name people in ${A2}, or another squad in A2`)
    : sighting(
        `has nobody in A2 who is not in A: ${A2} is ${peopleText(second.people)}, and so is ${A}`,
        `name another person in ${A2}, or another squad in A2`,
      );
}

function nobodyInR(survey: Survey, cell: Cell): Sighting[] {
  const { R } = cell.activity;
  const rosters = R.map(squad => survey.rosters.get(squad)!);
  if (rosters.some(({ people }) => people.size > 0)) return [];
  const place = { file: 'matrix', path: pathOf(cell, 'R'), subject: cell.id } as const;
  if (rosters.every(({ closed }) => closed)) {
    return [
      {
        ...place,
        message: `R of ${cell.id} has nobody in it: ${named(R)} ${R.length === 1 ? 'names' : 'name'} no people`,
        mend: `name people or a group in ${named(R)}`,
      },
    ];
  }
  if (survey.actors.length === 0 || !givesSomething(cell)) return [];
  const groups = R.flatMap(squad => groupOf(survey, squad) ?? []);
  const known = survey.actors
    .filter(({ party }) => R.some(squad => partyOf(squad) === party))
    .flatMap(actor => actor.groups);
  const near = groups.map(group => nearestOf(group, known)).find(found => found !== null);
  return [
    {
      ...place,
      severity: 'warning',
      message: `no file knows anybody in R of ${cell.id} (${groups.map(group => `group ${group}`).join(', ')}): only the identity provider can say whether somebody is`,
      mend: near
        ? `did you mean the group ${near}, which people of expectations.yaml have`
        : 'put one of them into the people of expectations.yaml, so that a test asks as them',
    },
  ];
}

function groupOf({ engagement }: Survey, squad: string): string | undefined {
  const [, name] = squad.split('/') as [string, string];
  return engagement.matrix.parties[partyOf(squad)].squads[name]!.group;
}

function nobodyInA(survey: Survey, cell: Cell): Sighting[] {
  const { A, A2 } = cell.activity;
  const { closed, people } = survey.rosters.get(A)!;
  if (!closed || people.size > 0) return [];
  const follows = A2 === undefined || A2 === A ? 'nobody can answer' : `every request waits for ${A2}`;
  return [
    {
      file: 'matrix',
      path: pathOf(cell, 'A'),
      subject: cell.id,
      message: `A of ${cell.id} has nobody in it: ${A} names no people, so ${follows}`,
      mend: `name people or a group in ${A}, or another squad in A`,
    },
  ];
}

function asksItself(survey: Survey, cell: Cell): Sighting[] {
  const { R, A } = cell.activity;
  const roster = survey.rosters.get(A)!;
  const [only, more] = roster.people.values();
  if (!only || more) return [];
  const asking = everybodyOf(survey, R, 1);
  const certain = roster.closed && asking?.size === 1 && asking.has([...roster.people.keys()][0]!);
  const perhaps = !roster.closed && R.every(squad => squad === A);
  if (!certain && !perhaps) return [];
  return [
    {
      file: 'matrix',
      path: pathOf(cell, 'A'),
      subject: cell.id,
      ...(certain ? {} : { severity: 'warning' as const }),
      message: certain
        ? `${only.handle} alone is R and A of ${cell.id}: nobody approves their own request, so A can never answer`
        : `R and A of ${cell.id} are both ${A}, and the files know one person of it, ${only.handle}: if there is nobody else, A can never answer`,
      mend: `name a second person in ${A}, or another squad in R or A`,
    },
  ];
}

function tooFewPeople(survey: Survey, cell: Cell, way: Way): Sighting[] {
  // One person alone in A and A2 is no secondary; here it is about more places than one.
  if (way.coApprove.length === 0) return [];
  const answering = squadsThatAnswer(cell);
  // As many as there are places, and one for who asks: whoever has more is never short.
  const enough = way.coApprove.length + 2;
  const approver = everybodyOf(survey, answering, enough);
  const places = [approver, ...way.coApprove.map(squad => everybodyOf(survey, [squad], enough))];
  // A place that a group may fill can always be filled by one more; the others decide.
  const counted = places.flatMap(place => (place === null ? [] : [place]));
  if (approver?.size === 0) return [];
  const sighting = (severity: 'error' | 'warning', message: string): Sighting[] => [
    {
      file: 'matrix',
      path: way.path,
      subject: way.text,
      severity,
      message,
      mend: `name another person in ${named([...new Set([...answering, ...way.coApprove])])}, or another squad in co_approve`,
    },
  ];
  const needed = named(['the approver', ...way.coApprove]);
  if (!fillable(counted.map(place => [...place.values()]))) {
    const people = new Map(counted.flatMap(place => [...place]));
    return sighting(
      'error',
      people.size === 0
        ? `${way.text}: nobody is in ${named(way.coApprove)}, so nobody can say yes`
        : `${way.text} needs different people as ${needed}; there is only ${peopleText(people)}`,
    );
  }
  const alone = everybodyOf(survey, [cell.activity.A], enough);
  const others = counted.filter(place => place !== approver);
  if (alone && !fillable([alone, ...others].map(place => [...place.values()]))) {
    return sighting(
      'warning',
      `${way.text}: ${peopleText(alone)} of ${cell.activity.A} is needed as a co-approver too, so every request waits for ${cell.activity.A2}`,
    );
  }
  const stuck = askers(survey, cell, counted, enough).filter(
    ([asker]) =>
      !fillable(counted.map(place => [...place].flatMap(([key, who]) => (key === asker ? [] : [who])))),
  );
  if (stuck.length === 0) return [];
  const everybodyAsks = everybodyOf(survey, cell.activity.R, stuck.length)?.size === stuck.length;
  return sighting(
    everybodyAsks ? 'error' : 'warning',
    `${way.text}: what ${named(stuck.map(([, { handle }]) => handle))} asks for nobody is left to answer, since ${needed} must be different people`,
  );
}

/** People of R whom one of the places may miss when they ask themselves. */
function askers(
  survey: Survey,
  { activity }: Cell,
  places: readonly ReadonlyMap<string, Answerer>[],
  enough: number,
): [string, Answerer][] {
  const asking = activity.R.map(squad => survey.rosters.get(squad)!.people);
  const scarce = new Map(places.filter(place => place.size <= enough).flatMap(place => [...place]));
  return [...scarce].filter(([key]) => asking.some(people => people.has(key)));
}

function oneSigner(survey: Survey): Sighting[] {
  const { governance, parties } = survey.engagement.matrix;
  const sign = (['client', 'msp'] as const).map(party => ({
    key: 'sign',
    subject: `sign ${party}`,
    squads: governance.sign.filter(squad => partyOf(squad) === party),
    does: `sign for ${parties[party].name}`,
  }));
  const [lifting] = governance.lockout;
  const lockout = { key: 'lockout', subject: 'lockout', squads: governance.lockout, does: 'lock out' };
  const lift = { key: 'lockout', subject: 'lift', squads: [lifting!], does: 'lift a lockout' };
  const few = (squads: readonly string[]) => (everybodyOf(survey, squads, 1)?.size ?? 2) <= 1;
  // Who alone may lock out is also the one who may lift it; that is said once.
  return [...sign, few(governance.lockout) ? lockout : lift].flatMap(({ key, subject, squads, does }) => {
    const people = everybodyOf(survey, squads, 1);
    if (!people || people.size > 1) return [];
    const place = { file: 'matrix', path: ['governance', key], subject } as const;
    return [
      people.size === 0
        ? {
            ...place,
            severity: 'error' as const,
            message: `nobody can ${does}: ${named(squads)} ${squads.length === 1 ? 'has' : 'have'} nobody`,
            mend: `name people or a group in ${named(squads)}`,
          }
        : {
            ...place,
            message: `${peopleText(people)} alone can ${does}: while they are away, nobody can`,
            mend: `name a second person in ${named(squads)}, or a second squad in governance.${key}`,
          },
    ];
  });
}

const peopleText = (people: ReadonlyMap<string, Answerer>): string =>
  people.size === 0 ? 'nobody' : named([...people.values()].map(({ handle }) => handle));
