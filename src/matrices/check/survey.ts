import { type Calendar, calendarsOf } from '../../domain/calendar.ts';
import { answerUnder, type Cell, cellsCovering, cellsOf, listOf } from '../../domain/cell.ts';
import type { Engagement } from '../../domain/engagement.ts';
import type { Answer, Exception } from '../../domain/matrix.ts';
import { firstOpening } from '../../domain/opening.ts';
import { PARTIES, type Party } from '../../domain/party.ts';
import type { Member } from '../../domain/person.ts';
import type { Answerer } from '../../domain/squad.ts';
import type { Reading } from '../read.ts';
import type { Path } from '../source.ts';
import { peopleOf } from '../test.ts';

export type Sound = Omit<Extract<Reading, { ok: true }>, 'texts'>;

/** Whom the files know in a squad: its named people, and those of the expectations who have its group. */
export interface Roster {
  readonly party: Party;
  readonly people: ReadonlyMap<string, Answerer>;
  /** Nobody else can be in it: no group lets anybody in. */
  readonly closed: boolean;
}

/** Targets that the same cells cover and that offer the same protocols. */
export interface Covered {
  readonly cells: readonly Cell[];
  readonly targets: readonly string[];
}

/** How a cell is answered: as its row says, or while one of its exceptions applies. */
export interface Way {
  readonly exception: Exception | null;
  readonly path: Path;
  /** `backups/restore`, or `backups/restore, exception "year-end freeze"`. */
  readonly text: string;
  readonly answer: Answer;
  readonly coApprove: readonly string[];
}

/** An engagement at a moment, laid out so that no check has to hold every cell against every target. */
export interface Survey {
  readonly sound: Sound;
  readonly engagement: Engagement;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly cells: readonly Cell[];
  /** No group has a target without a cell: those are `uncovered`. */
  readonly covered: readonly Covered[];
  readonly coveredBy: ReadonlyMap<Cell, readonly Covered[]>;
  readonly uncovered: readonly string[];
  readonly calendars: ReadonlyMap<string, Calendar>;
  /** By `party/squad`; every squad of the matrix is there. */
  readonly rosters: ReadonlyMap<string, Roster>;
  /** The people of the expectations; empty where there are none. */
  readonly actors: readonly Member[];
  /** What `openTogether` has found. */
  readonly openings: Map<string, boolean>;
}

export function surveyOf(sound: Sound, at: number): Survey {
  const { engagement, expectations } = sound;
  const { calendars = {}, timezone } = engagement.matrix;
  const actors = expectations ? peopleOf(expectations) : [];
  const groups = new Map<string, { cells: readonly Cell[]; targets: string[] }>();
  const uncovered: string[] = [];
  const cells = cellsOf(engagement);
  const order = new Map(cells.map((cell, place) => [cell, place]));
  for (const [name, target] of Object.entries(engagement.targets.targets)) {
    const covering = cellsCovering(engagement, name);
    if (covering.length === 0) {
      uncovered.push(name);
      continue;
    }
    const offers = [target.ssh, target.postgres, target.web].map(address => (address ? '1' : '0')).join('');
    const key = `${offers} ${covering.map(cell => order.get(cell)).join(' ')}`;
    const group = groups.get(key);
    if (group) group.targets.push(name);
    else groups.set(key, { cells: covering, targets: [name] });
  }
  const covered = [...groups.values()];
  const coveredBy = new Map<Cell, Covered[]>(cells.map(cell => [cell, []]));
  for (const group of covered) for (const cell of group.cells) coveredBy.get(cell)!.push(group);
  return {
    sound,
    engagement,
    at,
    cells,
    covered,
    coveredBy,
    uncovered,
    calendars: calendarsOf(calendars, timezone),
    rosters: rostersOf(engagement, actors),
    actors,
    openings: new Map(),
  };
}

/** Whether from now on a moment comes at which of each of these lists of calendars (a `during`) one is open. */
export function openTogether(
  { calendars, at, openings }: Survey,
  lists: readonly (string | readonly string[])[],
): boolean {
  const names = lists.map(listOf);
  const key = names.map(list => list.join(' ')).join('; ');
  const known = openings.get(key);
  if (known !== undefined) return known;
  const open =
    firstOpening(
      names.map(list => list.flatMap(name => calendars.get(name) ?? [])),
      at,
    ) !== null;
  openings.set(key, open);
  return open;
}

function rostersOf({ matrix }: Engagement, actors: readonly Member[]): Map<string, Roster> {
  const rosters = new Map<string, Roster>();
  for (const party of PARTIES) {
    const own = actors.filter(actor => actor.party === party);
    const byEmail = new Map(own.flatMap(actor => (actor.email ? [[actor.email.toLowerCase(), actor]] : [])));
    const byGroup = new Map<string, Member[]>();
    for (const actor of own) {
      for (const group of actor.groups) {
        const known = byGroup.get(group);
        if (known) known.push(actor);
        else byGroup.set(group, [actor]);
      }
    }
    for (const [name, { group, people = [], primary, secondary }] of Object.entries(
      matrix.parties[party].squads,
    )) {
      const roster = new Map<string, Answerer>();
      const named = new Set(people.map(email => email.toLowerCase()));
      for (const email of [primary, secondary, ...people]) {
        const key = email?.toLowerCase();
        if (email === undefined || key === undefined) continue;
        const actor = byEmail.get(key);
        // Whom a group squad only puts first is in it while the group says so.
        const known =
          !actor || named.has(key) || (group !== undefined && actor.groups.includes(group)) ? email : null;
        if (known !== null) roster.set(key, { handle: email, email, party });
      }
      for (const { handle, email } of group === undefined ? [] : (byGroup.get(group) ?? [])) {
        roster.set(email?.toLowerCase() ?? handle, { handle: email ?? handle, email, party });
      }
      rosters.set(`${party}/${name}`, { party, people: roster, closed: group === undefined });
    }
  }
  return rosters;
}

export const partyOf = (squad: string): Party => squad.split('/')[0] as Party;

/** Where a cell stands in the matrix. */
export function pathOf(cell: Cell, ...inside: Path): Path {
  const [service, activity] = cell.id.split('/') as [string, string];
  return ['services', service, 'activities', activity, ...inside];
}

/** A cell's own way first, then each of its exceptions that is answered otherwise. */
export function waysOf(cell: Cell): Way[] {
  const { exceptions = [] } = cell.activity;
  return [
    { exception: null, path: pathOf(cell), text: cell.id, ...answerUnder(cell.activity, null) },
    ...exceptions.flatMap((exception, at): Way[] =>
      exception.answer === undefined && exception.co_approve === undefined
        ? []
        : [
            {
              exception,
              path: pathOf(cell, 'exceptions', at),
              text: `${cell.id}, exception "${exception.name}"`,
              ...answerUnder(cell.activity, exception),
            },
          ],
    ),
  ];
}

/**
 * The people of squads taken together, where the files know them to the last one; `null` where a group may let in
 * others. Of more than `most`, one more than that: whoever counts needs no others.
 */
export function everybodyOf(
  { rosters }: Survey,
  squads: readonly string[],
  most: number,
): Map<string, Answerer> | null {
  const found = squads.map(squad => rosters.get(squad)!);
  if (found.some(({ closed }) => !closed)) return null;
  const all = new Map<string, Answerer>();
  for (const { people } of found) {
    for (const [key, person] of people) {
      if (all.size > most) return all;
      all.set(key, person);
    }
  }
  return all;
}

export const squadsThatAnswer = ({ activity }: Cell): string[] =>
  activity.A2 === undefined || activity.A2 === activity.A ? [activity.A] : [activity.A, activity.A2];

export const givesSomething = ({ activity }: Cell): boolean =>
  Object.values(activity.gives ?? {}).some(given => given !== undefined);
