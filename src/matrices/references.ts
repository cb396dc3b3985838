import { isTimezone, MOMENT_FORM, parseMoment, parseWeekly, WEEKLY_FORM } from '../domain/calendar.ts';
import { PARTIES } from '../domain/party.ts';
import { MOST_PROBLEMS, nearestOf, type Problem } from './problem.ts';
import { MOST_EXCEPTS, MOST_EXCEPTS_DEEP } from './schema.ts';
import type { Path, Source } from './source.ts';

/**
 * What the files say of each other and of themselves: squads, calendars and people that are named must be there.
 * Works on values whose shape may be wrong, so that every problem is told at once.
 */

/** `meant`: the name that is not there, and those that are. */
type Report = (
  path: Path,
  message: string,
  expected: string | null,
  meant?: readonly [name: string, among: Iterable<string>],
) => void;

const reporter = (source: Source): { problems: Problem[]; report: Report } => {
  const problems: Problem[] = [];
  const report: Report = (path, message, expected, meant) => {
    // One more than are told, so that it is seen that there are more.
    if (problems.length > MOST_PROBLEMS) return;
    problems.push({ ...source.where(path), message, expected, nearest: meant ? nearestOf(...meant) : null });
  };
  return { problems, report };
};

function entries(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
}

function get(value: unknown, ...path: string[]): unknown {
  return path.reduce<unknown>(
    (inside, key) =>
      typeof inside === 'object' && inside !== null && !Array.isArray(inside) && Object.hasOwn(inside, key)
        ? (inside as Record<string, unknown>)[key]
        : undefined,
    value,
  );
}

const items = (value: unknown): [number, unknown][] => (Array.isArray(value) ? [...value.entries()] : []);

/** The texts at a path that may hold one or a list, each with its own path. */
function textsAt(value: unknown, path: Path): [Path, string][] {
  if (typeof value === 'string') return [[path, value]];
  return items(value).flatMap(([at, item]): [Path, string][] =>
    typeof item === 'string' ? [[[...path, at], item]] : [],
  );
}

/** The chain of entries that belong to no tenant (the contract's log). */
const RESERVED = 'instance';

/** `folderName`: what the tenant must be called; `null`: anything. */
export function matrixReferences(source: Source, folderName: string | null): Problem[] {
  const { problems, report } = reporter(source);
  const matrix = source.value;
  const tenant = get(matrix, 'matrix');
  if (folderName !== null && typeof tenant === 'string' && tenant !== folderName) {
    report(['matrix'], `the matrix is called "${tenant}" and its folder "${folderName}"`, `"${folderName}"`);
  }
  if (tenant === RESERVED) {
    report(
      ['matrix'],
      `no tenant can be called "${RESERVED}": that is the log of what belongs to none`,
      'another name',
    );
  }
  partiesOf(matrix, report);
  const calendars = new Set(entries(get(matrix, 'calendars')).map(([name]) => name));
  calendarsOf(matrix, calendars, report);
  const squads = squadNames(matrix);
  const squadsAt = (path: Path, value: unknown) => {
    for (const [place, name] of textsAt(value, path)) {
      if (!squads.has(name)) {
        report(place, `unknown squad "${name}"`, 'a squad of the matrix', [name, squads]);
      }
    }
  };
  const calendarsAt = (path: Path, when: unknown) => {
    for (const [place, name] of textsAt(get(when, 'during'), [...path, 'during'])) {
      if (!calendars.has(name)) {
        report(place, `unknown calendar "${name}"`, 'a calendar of the matrix', [name, calendars]);
      }
    }
  };
  governanceOf(matrix, squads, report, squadsAt);
  for (const [service, { activities }] of entries(get(matrix, 'services')).map(
    ([name, value]) => [name, { activities: entries(get(value, 'activities')) }] as const,
  )) {
    for (const [activity, row] of activities) {
      const path = ['services', service, 'activities', activity];
      for (const key of ['R', 'A', 'A2', 'C', 'I', 'escalate', 'co_approve']) {
        squadsAt([...path, key], get(row, key));
      }
      calendarsAt([...path, 'when'], get(row, 'when'));
      for (const [at, exception] of items(get(row, 'exceptions'))) {
        squadsAt([...path, 'exceptions', at, 'co_approve'], get(exception, 'co_approve'));
        calendarsAt([...path, 'exceptions', at, 'when'], get(exception, 'when'));
      }
    }
  }
  for (const [at, rule] of items(get(matrix, 'rules'))) calendarsAt(['rules', at, 'when'], get(rule, 'when'));
  return problems;
}

function squadNames(matrix: unknown): ReadonlySet<string> {
  return new Set(
    PARTIES.flatMap(party =>
      entries(get(matrix, 'parties', party, 'squads')).map(([name]) => `${party}/${name}`),
    ),
  );
}

function partiesOf(matrix: unknown, report: Report): void {
  const issuer = get(matrix, 'parties', 'msp', 'issuer');
  if (typeof issuer === 'string' && issuer === get(matrix, 'parties', 'client', 'issuer')) {
    const theirs = new Map(entries(get(matrix, 'parties', 'client', 'claims')));
    const apart = entries(get(matrix, 'parties', 'msp', 'claims')).some(
      ([name, value]) => theirs.has(name) && theirs.get(name) !== value,
    );
    // A token that fits both parties would let one side answer for the other.
    if (!apart) {
      report(
        ['parties', 'client', 'issuer'],
        'both parties have this issuer and nothing tells them apart',
        'another issuer, or claims in which they differ',
      );
    }
  }
  for (const party of PARTIES) {
    for (const [name, squad] of entries(get(matrix, 'parties', party, 'squads'))) {
      if (get(squad, 'group') !== undefined) continue;
      const people = textsAt(get(squad, 'people'), []).map(([, email]) => email);
      for (const key of ['primary', 'secondary']) {
        const email = get(squad, key);
        if (typeof email !== 'string') continue;
        if (!people.some(other => other.toLowerCase() === email.toLowerCase())) {
          const path = ['parties', party, 'squads', name, key];
          report(path, `"${email}" is not among the people of ${party}/${name}`, 'one of them', [
            email,
            people,
          ]);
        }
      }
    }
  }
}

function governanceOf(
  matrix: unknown,
  squads: ReadonlySet<string>,
  report: Report,
  squadsAt: (path: Path, value: unknown) => void,
): void {
  for (const key of ['sign', 'lockout', 'auditors'])
    squadsAt(['governance', key], get(matrix, 'governance', key));
  for (const [place, name] of textsAt(get(matrix, 'governance', 'lockout'), ['governance', 'lockout'])) {
    if (squads.has(name) && !name.startsWith('client/')) {
      report(place, `${name} would be shut out itself`, 'a squad of the client');
    }
  }
  const signers = textsAt(get(matrix, 'governance', 'sign'), []).map(([, name]) => name);
  for (const party of PARTIES) {
    if (signers.length > 0 && !signers.some(name => name.startsWith(`${party}/`))) {
      report(['governance', 'sign'], `nobody signs for the ${party}`, 'a squad of each party');
    }
  }
}

/** The longest way from a calendar over `except`, as names; it ends where it comes back to its begin. */
function longestWay(
  excepts: ReadonlyMap<string, readonly string[]>,
  way: readonly string[],
): readonly string[] {
  const comesBack = way.length > 1 && way[0] === way.at(-1);
  if (comesBack || way.length > MOST_EXCEPTS_DEEP + 1) return way;
  const further = (excepts.get(way.at(-1)!) ?? []).map(next => longestWay(excepts, [...way, next]));
  const circle = further.find(found => found[0] === found.at(-1));
  return circle ?? further.reduce((longest, found) => (found.length > longest.length ? found : longest), way);
}

function exceptsOf(matrix: unknown, calendars: ReadonlySet<string>, report: Report): void {
  const excepts = entries(get(matrix, 'calendars')).map(
    ([name, calendar]) => [name, textsAt(get(calendar, 'except'), ['calendars', name, 'except'])] as const,
  );
  const graph = new Map(
    excepts.map(([name, found]) => [name, found.slice(0, MOST_EXCEPTS).map(([, other]) => other)]),
  );
  for (const [name, found] of excepts) {
    for (const [place, other] of found) {
      if (!calendars.has(other)) {
        report(place, `unknown calendar "${other}"`, 'a calendar of the matrix', [other, calendars]);
      }
    }
    const way = longestWay(graph, [name]);
    if (way.length > 1 && way.at(-1) === name) {
      const circle = way.join(' except ');
      report(['calendars', name, 'except'], `a circle: ${circle}`, 'calendars that do not come back to it');
    } else if (way.length > MOST_EXCEPTS_DEEP + 1) {
      const deep = `${way.join(' except ')}: nobody can read that`;
      report(['calendars', name, 'except'], deep, `at most ${MOST_EXCEPTS_DEEP} steps of \`except\``);
    }
  }
}

function calendarsOf(matrix: unknown, calendars: ReadonlySet<string>, report: Report): void {
  exceptsOf(matrix, calendars, report);
  const given = get(matrix, 'timezone');
  const timezone = typeof given === 'string' && isTimezone(given) ? given : 'UTC';
  for (const [name, calendar] of entries(get(matrix, 'calendars'))) {
    const path = ['calendars', name];
    const weekly = get(calendar, 'weekly');
    if (typeof weekly === 'string' && parseWeekly(weekly) === null) {
      report(
        [...path, 'weekly'],
        `calendar "${name}" does not parse: ${JSON.stringify(weekly.slice(0, 60))}`,
        WEEKLY_FORM,
      );
    }
    const [from, to] = ['from', 'to'].map(key => {
      const text = get(calendar, key);
      const moment = typeof text === 'string' ? parseMoment(text, timezone) : null;
      if (typeof text === 'string' && moment === null) {
        report(
          [...path, key],
          `calendar "${name}" does not parse: ${JSON.stringify(text.slice(0, 60))}`,
          MOMENT_FORM,
        );
      }
      return moment;
    });
    if (from != null && to != null && from >= to) {
      report([...path, 'to'], `calendar "${name}" ends before it begins`, 'a time after `from`');
    }
  }
}

export function expectationReferences(source: Source, matrix: unknown): Problem[] {
  const { problems, report } = reporter(source);
  const people = new Set(entries(get(source.value, 'people')).map(([name]) => name));
  const squads = squadNames(matrix);
  for (const [at, expectation] of items(get(source.value, 'expect'))) {
    const who = get(expectation, 'ask', 'who');
    if (typeof who === 'string' && !people.has(who)) {
      report(['expect', at, 'ask', 'who'], `unknown person "${who}"`, 'one of `people`', [who, people]);
    }
    for (const [place, name] of textsAt(get(expectation, 'approvers'), ['expect', at, 'approvers'])) {
      // Whom a squad names and nobody has seen yet goes by the email.
      if (!people.has(name) && !name.includes('@')) {
        report(place, `unknown person "${name}"`, 'one of `people`, or an email', [name, people]);
      }
    }
    for (const key of ['co_approve', 'escalate', 'consulted', 'informed']) {
      for (const [place, name] of textsAt(get(expectation, key), ['expect', at, key])) {
        if (!squads.has(name)) {
          report(place, `unknown squad "${name}"`, 'a squad of the matrix', [name, squads]);
        }
      }
    }
    for (const path of [['ask', 'at'], ['ends_by']]) {
      const text = get(expectation, ...path);
      if (typeof text === 'string' && parseMoment(text, 'UTC') === null) {
        report(['expect', at, ...path], `${JSON.stringify(text.slice(0, 60))} is no time`, MOMENT_FORM);
      }
    }
  }
  return problems;
}
