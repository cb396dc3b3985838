import { type Cell, listOf } from '../../domain/cell.ts';
import { selectorText } from '../../domain/explanation.ts';
import { isShortForm, rolesGiven, sshGives } from '../../domain/gives.ts';
import type { Protocol } from '../../domain/protocol.ts';
import type { Labels } from '../../domain/target.ts';
import { nearestOf } from '../problem.ts';
import { type Check, named, type Sighting } from './finding.ts';
import { type Covered, pathOf, type Survey } from './survey.ts';

/** What cells open, and on what. */
export const ACCESS: readonly Check[] = [
  {
    code: 'uncovered-target',
    severity: 'error',
    title: 'No service covers a target',
    help: 'The target stands in the inventory and no cell selects its labels: nobody owns it, nobody may ask for it, and in an incident everybody looks at somebody else.',
    mend: 'Give it a label that a service selects, or add a service for it; take it out of targets.yaml if it is gone.',
    find: uncoveredTargets,
  },
  {
    code: 'two-owners',
    severity: 'warning',
    title: 'Two cells give the same thing on one target, and different squads answer',
    help: 'Who answers for that login then depends on which activity is named. An error where one squad is in R of both cells, since its people choose who answers them. Cells whose `when` never names the same severity are not found.',
    mend: 'Give it in one cell alone, give the other cell another login, or name one squad in A of both.',
    find: twoOwners,
  },
  {
    code: 'regulated-transfer',
    severity: 'warning',
    title: 'File transfer or forwarding on a regulated target that nobody wrote down',
    help: 'The short form `gives: { ssh: [root] }` lets files be copied as well. On a target with the label `regulated` that should be agreed, and be read in the matrix.',
    mend: 'Write the long form, such as `ssh: { logins: [root], exec: true }`, and `transfer: true` only where it is meant.',
    find: survey => survey.cells.flatMap(cell => regulatedTransfer(survey, cell)),
  },
  {
    code: 'covers-nothing',
    severity: 'warning',
    title: 'A cell gives access and covers no target',
    help: 'No target has the labels that the service, and the cell with its `when.target`, select: what it gives is to be had nowhere. A cell without `gives` is a duty and needs no target.',
    mend: 'Correct the labels in `targets` or `when.target`, label the targets that are meant, or take the cell out.',
    find: survey => survey.cells.flatMap(cell => coversNothing(survey, cell)),
  },
  {
    code: 'gives-nowhere',
    severity: 'warning',
    title: 'A cell gives access over a protocol that none of its targets has',
    help: 'Every request for it is refused: the inventory has no address of that protocol on any target that the cell covers.',
    mend: 'Add the address in targets.yaml, or take the protocol out of `gives`.',
    find: survey => survey.cells.flatMap(cell => givesNowhere(survey, cell)),
  },
];

const PROTOCOLS: readonly Protocol[] = ['ssh', 'postgres', 'web'];

function uncoveredTargets({ engagement, uncovered }: Survey): Sighting[] {
  const selectors = Object.values(engagement.matrix.services).map(({ targets }) => targets);
  const wanted = new Map<string, Set<string>>();
  for (const [key, value] of selectors.flatMap(selector => Object.entries(selector))) {
    const known = wanted.get(key) ?? new Set();
    for (const one of listOf(value)) known.add(one);
    wanted.set(key, known);
  }
  const example = selectors[0] ? `, such as ${selectorText(selectors[0])}` : '';
  const selected = new Map([...wanted].map(([key, values]) => [key, [...values]]));
  return uncovered.map(name => {
    const { labels } = engagement.targets.targets[name]!;
    return {
      file: 'targets',
      path: ['targets', name],
      subject: name,
      message: `no service covers ${name} (${selectorText(labels)}): nobody owns it, nobody may ask for it`,
      mend:
        misspelt(labels, selected) ??
        `give it a label that a service selects${example}, or add a service for it`,
    };
  });
}

/** The label that some service selects by and that a target misspells. */
function misspelt(labels: Labels, selected: ReadonlyMap<string, readonly string[]>): string | null {
  for (const [key, has] of Object.entries(labels)) {
    const values = selected.get(key);
    if (!values) continue;
    for (const value of listOf(has)) {
      // It is selected already, by a service that wants another label too.
      if (values.includes(value)) continue;
      const near = nearestOf(value, values);
      if (near !== null) return `did you mean ${key}: ${near}? Else select it by a service`;
    }
  }
  return null;
}

interface Shared {
  readonly cells: Set<Cell>;
  readonly things: Set<string>;
  readonly targets: Set<string>;
  /** Squads whose people may ask in more than one of the cells, and so choose. */
  readonly choosing: Set<string>;
}

function twoOwners(survey: Survey): Sighting[] {
  const found = new Map<string, Shared>();
  for (const group of survey.covered) {
    for (const [thing, cells] of thingsGiven(survey, group)) {
      const contested = contestedAmong(cells);
      if (!contested) continue;
      const key = [...contested.cells].map(({ id }) => id).join(' ');
      const known: Shared = found.get(key) ?? { ...contested, things: new Set(), targets: new Set() };
      found.set(key, known);
      known.things.add(thing);
      for (const target of group.targets) known.targets.add(target);
      for (const squad of contested.choosing) known.choosing.add(squad);
    }
  }
  return [...found].map(([key, shared]) => ownersText(key, shared));
}

/** `ssh root` and the like, with the cells that give it on the targets of a group. */
function thingsGiven({ engagement }: Survey, { cells, targets }: Covered): Map<string, Cell[]> {
  const target = engagement.targets.targets[targets[0]!]!;
  const given = new Map<string, Cell[]>();
  for (const protocol of PROTOCOLS) {
    if (!target[protocol]) continue;
    for (const cell of cells) {
      for (const role of rolesGiven(cell.activity, protocol)) {
        const thing = `${protocol} ${role}`;
        const known = given.get(thing);
        if (known) known.push(cell);
        else given.set(thing, [cell]);
      }
    }
  }
  return given;
}

/** Those of the cells that may be open at one severity and have different squads in A; `null`: none. */
function contestedAmong(cells: readonly Cell[]): Pick<Shared, 'cells' | 'choosing'> | null {
  if (cells.length < 2 || cells.every(({ activity }) => activity.A === cells[0]!.activity.A)) return null;
  const severities = new Set(cells.flatMap(({ activity }) => listOf(activity.when?.severity)));
  const contested = new Set<Cell>();
  const choosing = new Set<string>();
  for (const severity of [null, ...severities]) {
    const open = cells.filter(({ activity: { when } }) =>
      severity === null
        ? when?.severity === undefined
        : when?.severity === undefined || listOf(when.severity).includes(severity),
    );
    if (new Set(open.map(({ activity }) => activity.A)).size < 2) continue;
    const answers = new Map<string, string>();
    for (const cell of open) {
      contested.add(cell);
      for (const squad of cell.activity.R) {
        if (answers.has(squad) && answers.get(squad) !== cell.activity.A) choosing.add(squad);
        answers.set(squad, cell.activity.A);
      }
    }
  }
  if (contested.size === 0) return null;
  return { cells: new Set(cells.filter(cell => contested.has(cell))), choosing };
}

function ownersText(subject: string, { cells, things, targets, choosing }: Shared): Sighting {
  const byOwner = new Map<string, string[]>();
  for (const { id, activity } of cells) byOwner.set(activity.A, [...(byOwner.get(activity.A) ?? []), id]);
  const first = [...cells][0]!;
  const other = [...cells].find(({ activity }) => activity.A !== first.activity.A)!;
  const owners = [...byOwner].map(([A, ids]) => `${named(ids)} (A ${A})`);
  return {
    file: 'matrix',
    path: pathOf(other, 'gives'),
    subject,
    ...(choosing.size > 0 ? { severity: 'error' as const } : {}),
    message: `${named([...things])} on ${named([...targets])} is given by ${owners.join(' and by ')}${
      choosing.size > 0 ? `; ${named([...choosing])} may ask in either and so chooses who answers` : ''
    }`,
    mend: 'give it in one cell alone, another login in the other, or name one squad in A of both',
  };
}

const isRegulated = (labels: Labels): boolean =>
  Object.hasOwn(labels, 'regulated') && listOf(labels.regulated).length > 0;

function regulatedTransfer({ engagement, coveredBy }: Survey, cell: Cell): Sighting[] {
  const { transfer, forward, logins } = sshGives(cell.activity);
  if (!isShortForm(cell.activity) || !(transfer || forward)) return [];
  const regulated = coveredBy
    .get(cell)!
    .flatMap(({ targets }) => targets)
    .filter(name => {
      const { labels, ssh } = engagement.targets.targets[name]!;
      return ssh !== undefined && isRegulated(labels);
    });
  if (regulated.length === 0) return [];
  const comes = named([...(transfer ? ['file transfer'] : []), ...(forward ? ['forwarding'] : [])]);
  return [
    {
      file: 'matrix',
      path: pathOf(cell, 'gives', 'ssh'),
      subject: cell.id,
      message: `${cell.id} gives ssh ${named(logins)} on ${named(regulated)}, regulated, in the short form: ${comes} comes with it unsaid`,
      mend: `write ssh: { logins: [${logins.join(', ')}], exec: true }, with transfer: true only if it is meant`,
    },
  ];
}

function coversNothing({ coveredBy }: Survey, cell: Cell): Sighting[] {
  const { service, activity } = cell;
  if (activity.gives === undefined || coveredBy.get(cell)!.length > 0) return [];
  const wanted = selectorText({ ...service.targets, ...activity.when?.target });
  return [
    {
      file: 'matrix',
      path: pathOf(cell),
      subject: cell.id,
      message: `${cell.id} covers no target: none has ${wanted}`,
      mend: 'correct the labels, or take the cell out',
    },
  ];
}

function givesNowhere({ engagement, coveredBy }: Survey, cell: Cell): Sighting[] {
  const groups = coveredBy.get(cell)!;
  if (groups.length === 0) return [];
  return PROTOCOLS.filter(protocol => rolesGiven(cell.activity, protocol).length > 0)
    .filter(protocol => !groups.some(({ targets }) => engagement.targets.targets[targets[0]!]![protocol]))
    .map(protocol => ({
      file: 'matrix',
      path: pathOf(cell, 'gives', protocol),
      subject: `${cell.id} ${protocol}`,
      message: `${cell.id} gives ${protocol} ${named(rolesGiven(cell.activity, protocol))}, and none of its targets has a ${protocol} address`,
      mend: `add the address in targets.yaml, or take ${protocol} out of gives`,
    }));
}
