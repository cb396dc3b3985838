import type { Party } from '../domain/party.ts';
import { visible } from '../domain/visible-text.ts';
import { type Heading, has, headingOf, isLegend, isLetter, startsTable } from './heading.ts';
import { guessedParty, plainWords, withoutSide } from './roles.ts';
import { columnName, type Grid, type Letter, lettersOf } from './spreadsheet.ts';

/** A column of a spreadsheet that is a role, and the squad that it stands for; `null`: nobody could tell whose. */
export interface Role {
  readonly at: number;
  readonly column: string;
  readonly heading: string;
  /** What stands over the heading, such as the side that several columns share. */
  readonly group: string;
  readonly squad: string | null;
}

/** A task that found its place: exactly one A, at least one R. */
export interface Task {
  readonly name: string;
  readonly label: string;
  /** As the spreadsheet program counts, from 1. */
  readonly row: number;
  readonly R: readonly string[];
  readonly A: string;
  readonly A2: string | null;
  readonly C: readonly string[];
  readonly I: readonly string[];
  /** What other columns say of it: `Frequency: monthly`. */
  readonly remarks: readonly string[];
}

/** What could not be placed: a cell, a row (no column) or a column (no row). */
export interface Unplaced {
  readonly row: number | null;
  readonly column: string | null;
  readonly what: string;
  readonly why: string;
}

export interface Imported {
  /** The row that heads the columns, from 1. */
  readonly heading: number;
  readonly roles: readonly Role[];
  readonly services: readonly {
    readonly name: string;
    readonly label: string;
    readonly tasks: readonly Task[];
  }[];
  readonly unplaced: readonly Unplaced[];
  /** What was read in a way that somebody may have meant otherwise. */
  readonly remarks: readonly string[];
}

export interface ImportOptions {
  /** What the two sides are called. */
  readonly names: Readonly<Record<Party, string>>;
  /** Squads by heading, said by the user: `IT Manager` → `client/it`. */
  readonly roles: ReadonlyMap<string, string>;
}

/** Headings of columns that say something else of a task, however short. */
const ASIDE =
  /\b(note|notes|comments?|remarks?|descriptions?|frequency|how often|status|priority|due|date|sla|tools?|links?|id|no|ref)\b|^#$/i;

/** Meant as a letter, by its looks. */
const isLike = (cell: string): boolean =>
  lettersOf(cell) !== null || /^(\p{L}{1,3}|[^\p{L}\p{N}])$/u.test(cell);

interface Layout {
  readonly header: number;
  readonly passedOver: readonly number[];
  /** By column. */
  readonly roles: readonly Role[];
  readonly name: number;
  readonly service: number | null;
  /** Columns that say something else of a task. */
  readonly others: readonly number[];
}

/** Reads a grid as a RACI table; `why` says what it is instead. */
export function importGrid(grid: Grid, options: ImportOptions): Imported | { readonly why: string } {
  const first = grid.findIndex(startsTable);
  if (first < 0) return { why: turnedAround(grid) ?? 'no row of it holds a task and letters of R, A, C, I' };
  const heading = headingOf(grid, first, options);
  if (!heading) return { why: turnedAround(grid) ?? `no row above row ${first + 1} names the roles` };
  const layout = layoutOf(grid, heading, first, options);
  if (!layout)
    return { why: `row ${heading.at + 1} should name the roles, and no column below it holds their letters` };
  return placed(grid, layout);
}

/** The other way to write one: letters as columns, roles in the cells. */
function turnedAround(grid: Grid): string | null {
  const at = grid.findIndex(row =>
    ['R', 'A', 'C', 'I'].every(letter => row.some(cell => lettersOf(cell)?.join() === letter)),
  );
  return at < 0
    ? null
    : `row ${at + 1} heads the columns by R, A, C and I; put the roles into the columns and the letters into the cells`;
}

function layoutOf(grid: Grid, heading: Heading, first: number, options: ImportOptions): Layout | null {
  const { at: header, passedOver } = heading;
  const heads = grid[header]!;
  const below = grid.slice(header + 1).filter(row => !isLegend(row));
  const lettered = grid.slice(first).filter(row => !isLegend(row));
  const columns = [...Array(grid.reduce((widest, row) => Math.max(widest, row.length), 0)).keys()];
  const cells = (at: number) => below.map(row => row[at]).filter(has);
  const isRole = (at: number, after: boolean) => {
    const known = lettered.map(row => row[at]).filter(has);
    const texts = known.length > 0 ? known : cells(at);
    if (ASIDE.test(heads[at] ?? '')) return false;
    const like = texts.filter(isLike).length / texts.length;
    return (
      texts.length > 0 &&
      like >= 0.7 &&
      (after ? has(heads[at]) || texts.some(isLetter) : texts.some(isLetter))
    );
  };
  const from = columns.find(
    at => isRole(at, false) && columns.slice(0, at).some(left => cells(left).length > 0),
  );
  if (from === undefined) return null;
  const role = columns.filter(at => at >= from && isRole(at, true));
  const left = columns.filter(at => at < from && cells(at).length > 0);
  const named = (pattern: RegExp, among: readonly number[]) =>
    among.find(at => pattern.test(heads[at] ?? ''));
  const wordy = left.filter(at => cells(at).some(text => /\p{L}/u.test(text)));
  const distinct = (at: number) => new Set(cells(at)).size;
  const name =
    named(/\b(task|activit|deliverable|action|step|item|responsibilit)/i, wordy) ??
    wordy.toSorted((one, other) => distinct(other) - distinct(one) || other - one)[0];
  if (name === undefined) return null;
  const before = wordy.filter(at => at !== name && !ASIDE.test(heads[at] ?? ''));
  const service =
    named(/\b(service|area|categor|domain|phase|process|group|function|section|workstream|topic)/i, before) ??
    before.findLast(at => at < name) ??
    null;
  const others = columns.filter(
    at => at !== name && at !== service && !role.includes(at) && cells(at).length > 0,
  );
  return { header, passedOver, roles: rolesOf(grid, heading, role, options), name, service, others };
}

function rolesOf(
  grid: Grid,
  { at: header, groups }: Heading,
  columns: readonly number[],
  { names, roles }: ImportOptions,
): Role[] {
  const taken = new Set<string>();
  const said = new Map([...roles].map(([heading, squad]) => [plainWords(heading), squad]));
  return columns.map(at => {
    const heading = grid[header]![at] ?? '';
    const group = groupOver(grid, groups, at, columns);
    const column = columnName(at);
    const own = said.get(plainWords(`${group} ${heading}`)) ?? said.get(plainWords(heading));
    if (own !== undefined) return { at, column, heading, group, squad: own };
    const party = has(heading) ? guessedParty(heading, group, names) : null;
    if (party === null) return { at, column, heading, group, squad: null };
    const name = unique(slug(withoutSide(heading, names)) || 'team', taken, party);
    return { at, column, heading, group, squad: `${party}/${name}` };
  });
}

/** What rows above the headings say over a column: a merged cell stands in the first of its columns. */
function groupOver(grid: Grid, groups: readonly number[], at: number, columns: readonly number[]): string {
  return groups
    .map(
      row =>
        columns
          .filter(other => other <= at)
          .map(other => grid[row]![other])
          .findLast(has) ?? '',
    )
    .filter(has)
    .join(' ');
}

/** A name as the matrix has them; empty where no letter of the Latin alphabet or digit is left. */
export const slug = (text: string): string =>
  text
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 48)
    .replaceAll(/^-+|-+$/g, '');

function unique(name: string, taken: Set<string>, within = ''): string {
  // Names that mean something to the reader of the file.
  const free = (candidate: string) =>
    !taken.has(`${within}/${candidate}`) && !['constructor', 'prototype'].includes(candidate);
  let found = name;
  for (let nth = 2; !free(found); nth += 1) found = `${name}-${nth}`;
  taken.add(`${within}/${found}`);
  return found;
}

/** Rows that speak of one task: the first has its name, those of a merged cell below have none. */
interface Lines {
  readonly row: number;
  readonly label: string;
  readonly rows: (readonly string[])[];
}

function placed(grid: Grid, layout: Layout): Imported {
  const unplaced: Unplaced[] = layout.roles.flatMap(({ column, heading, squad }) =>
    squad === null
      ? [
          {
            row: null,
            column,
            what: visible(heading),
            why: has(heading)
              ? `whose is it? Say --role "${visible(heading)}=client/…" or "…=msp/…"`
              : 'it holds letters and has no heading',
          },
        ]
      : [],
  );
  for (const at of layout.passedOver) {
    unplaced.push({
      row: at + 1,
      column: null,
      what: visible(grid[at]!.filter(has).join(' | ')),
      why: `it stands above the headings, which are in row ${layout.header + 1}`,
    });
  }
  const remarks = new Set<string>();
  const sections: { label: string; row: number; tasks: Lines[] }[] = [];
  const head = grid[layout.header]!.join('\u0000');
  let legends = grid.slice(0, layout.header).filter(isLegend).length;
  for (const [at, row] of grid.entries()) {
    if (at <= layout.header || !row.some(has) || row.join('\u0000') === head) continue;
    const cells = layout.roles.map(role => row[role.at] ?? '');
    const service = layout.service === null ? '' : (row[layout.service] ?? '');
    const name = row[layout.name] ?? '';
    if (isLegend(row)) {
      legends += 1;
      continue;
    }
    if (has(service) && service !== sections.at(-1)?.label)
      sections.push({ label: service, row: at + 1, tasks: [] });
    const last = sections.at(-1)?.tasks.at(-1);
    if (cells.some(has)) {
      if (sections.length === 0) sections.push({ label: 'Tasks', row: at + 1, tasks: [] });
      if (has(name)) sections.at(-1)!.tasks.push({ row: at + 1, label: name, rows: [row] });
      else if (last) {
        last.rows.push(row);
        remarks.add(`Row ${at + 1} names no task: its letters were taken for those of row ${last.row}.`);
      } else unplaced.push({ row: at + 1, column: null, what: '', why: 'it names no task' });
    } else if (has(name) && layout.service === null) {
      sections.push({ label: name, row: at + 1, tasks: [] });
    } else if (has(name)) {
      unplaced.push({ row: at + 1, column: null, what: visible(name), why: 'it has no letters' });
    }
  }
  if (legends > 0) remarks.add(`${legends} row${legends === 1 ? ' was' : 's were'} taken for the legend.`);
  const names = new Set<string>();
  const services = new Map<string, { label: string; tasks: Task[] }>();
  for (const section of sections) {
    if (section.tasks.length === 0 && layout.service === null) {
      unplaced.push({
        row: section.row,
        column: null,
        what: visible(section.label),
        why: 'it has no letters: a heading without tasks, or a task that is nobody’s',
      });
      continue;
    }
    // A service may come in several blocks.
    const known = [...services].find(([, { label }]) => label === visible(section.label));
    const name = known?.[0] ?? unique(slug(section.label) || `service-${services.size + 1}`, names);
    const service = known?.[1] ?? { label: visible(section.label), tasks: [] };
    services.set(name, service);
    for (const lines of section.tasks) {
      const task = taskOf(lines, layout, grid[layout.header]!, { unplaced, remarks });
      if (!task) continue;
      const named = unique(slug(lines.label) || `task-${lines.row}`, names, name);
      service.tasks.push({ ...task, name: named });
    }
  }
  return {
    heading: layout.header + 1,
    roles: layout.roles,
    services: [...services]
      .filter(([, { tasks }]) => tasks.length > 0)
      .map(([name, service]) => ({ name, ...service })),
    unplaced: unplaced.sort((one, other) => (one.row ?? 0) - (other.row ?? 0)),
    remarks: [...remarks],
  };
}

function taskOf(
  { row, label, rows }: Lines,
  { roles, others }: Layout,
  heads: readonly string[],
  told: { unplaced: Unplaced[]; remarks: Set<string> },
): Omit<Task, 'name'> | null {
  const lists: Record<Exclude<Letter, 'S' | 'tick'>, string[]> = { R: [], A: [], A2: [], C: [], I: [] };
  const lost: string[] = [];
  for (const cells of rows) {
    for (const { at, column, heading, squad } of roles) {
      const cell = cells[at] ?? '';
      const letters = lettersOf(cell);
      if (letters === null) {
        told.unplaced.push({
          row,
          column,
          what: visible(cell),
          why: `none of R, A, C, I (${visible(heading)})`,
        });
        continue;
      }
      for (const letter of letters) {
        if (squad === null) lost.push(`${letter === 'tick' ? 'R' : letter} in column ${column}`);
        else lists[meant(letter, told.remarks)].push(squad);
      }
    }
  }
  const [R, A, A2, C, I] = [lists.R, lists.A, lists.A2, lists.C, lists.I].map(list => [...new Set(list)]) as [
    string[],
    string[],
    string[],
    string[],
    string[],
  ];
  const also = lost.length > 0 ? `; not counted: ${lost.join(', ')}` : '';
  const why =
    A.length > 1
      ? `${A.join(' and ')} are both A, and exactly one can be${also}`
      : A.length === 0
        ? `nobody is accountable (A)${also}`
        : R.length === 0
          ? `nobody is responsible (R)${also}`
          : null;
  if (why !== null) {
    told.unplaced.push({ row, column: null, what: visible(label), why });
    return null;
  }
  const remarks = others.flatMap(at =>
    rows
      .map(cells => cells[at])
      .filter(has)
      .map(text => `${visible(heads[at] || `column ${columnName(at)}`)}: ${visible(text)}`),
  );
  return {
    label: visible(label),
    row,
    R,
    A: A[0]!,
    A2: A2.find(squad => squad !== A[0]) ?? null,
    C,
    I,
    remarks,
  };
}

function meant(letter: Letter, remarks: Set<string>): 'R' | 'A' | 'A2' | 'C' | 'I' {
  if (letter === 'S') {
    remarks.add('S (support) was read as C, heard before: make it R where they log in themselves.');
    return 'C';
  }
  if (letter === 'tick') {
    remarks.add('A tick was read as R.');
    return 'R';
  }
  return letter;
}
