import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { dateAt } from '../../domain/calendar.ts';
import { visible } from '../../domain/visible-text.ts';
import { draftOf, missingSide, placeInSheet } from '../../matrices/draft.ts';
import { NAME } from '../../matrices/forms.ts';
import { type Imported, importGrid, slug } from '../../matrices/import.ts';
import { nearestOf, problemText } from '../../matrices/problem.ts';
import { readTexts, type VersionTexts } from '../../matrices/read.ts';
import { plainWords } from '../../matrices/roles.ts';
import { readSpreadsheet } from '../../matrices/spreadsheet.ts';
import { wrongAnswer } from '../../matrices/template.ts';
import { REVIEW_AFTER, writeFolder } from './init.ts';
import { count, json, row, type Said, say, wrapped, wrong } from './said.ts';

export interface Import {
  readonly policies: string;
  readonly now: number;
  readonly tenant?: string | undefined;
  readonly output?: string | undefined;
  readonly msp?: string | undefined;
  readonly client?: string | undefined;
  readonly timezone?: string | undefined;
  /** `IT Manager=client/it`, any number of times. */
  readonly role?: readonly string[] | undefined;
  /** Says what it would write and writes nothing. */
  readonly dryRun?: boolean | undefined;
  readonly json?: boolean | undefined;
}

/** `matrix import`: a draft of a spreadsheet; 1 when something of it could not be placed. */
export function importAction(file: string, options: Import): Said {
  const tenant =
    options.tenant ??
    (options.output === undefined
      ? slug(basename(file).replace(/\.\w+$/, ''))
      : basename(resolve(options.output)));
  const timezone = options.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  const answers = {
    tenant,
    msp: options.msp,
    client: options.client,
    timezone,
    reviewBy: dateAt(options.now + REVIEW_AFTER, 'UTC'),
  };
  const why = wrongAnswer(answers);
  if (why) return wrong(why);
  const roles = rolesSaid(options.role ?? []);
  if (typeof roles === 'string') return wrong(roles);
  const folder = options.output ?? join(options.policies, tenant);
  if (!options.dryRun && existsSync(folder))
    return wrong(
      `${folder} is there already; nothing was written. Name another with --output, or look first with --dry-run.`,
    );
  const sheet = openSheet(file);
  if ('why' in sheet) return wrong(`${file}: ${sheet.why}.`);
  const names = { msp: options.msp ?? '', client: options.client ?? '' };
  const imported = importGrid(sheet.grid, { names, roles });
  if ('why' in imported) return wrong(`${file}: ${imported.why}.`);
  const stray = strayRole(roles, imported);
  if (stray) return wrong(stray);
  const tasks = imported.services.reduce((sum, service) => sum + service.tasks.length, 0);
  const missing = missingSide(imported);
  const draftable = tasks > 0 && missing === null;
  const code = draftable && imported.unplaced.length === 0 ? 0 : 1;
  const sides = { msp: options.msp ?? 'The MSP', client: options.client ?? 'The client' };
  const texts = draftable
    ? draftOf(imported, { ...answers, names: sides, from: visible(basename(file)) })
    : null;
  const failed = texts && (unsound(tenant, texts) ?? (options.dryRun ? null : writeFolder(folder, texts)));
  if (failed) return wrong(failed);
  const written = texts !== null && !options.dryRun;
  if (options.json) {
    return json(code, {
      tenant,
      folder: written ? folder : null,
      heading: imported.heading,
      placed: tasks,
      services: imported.services.map(({ name, tasks }) => ({
        name,
        tasks: tasks.map(({ name, row }) => ({ name, row })),
      })),
      roles: imported.roles.map(({ column, heading, squad }) => ({ column, heading, squad })),
      unplaced: imported.unplaced,
      remarks: imported.remarks,
    });
  }
  return say(code, [
    `${count(tasks, 'task')} in ${count(imported.services.length, 'service')}${written ? `: wrote ${folder}` : ''}.`,
    ...report(imported),
    ...(missing === null
      ? []
      : [
          '',
          ...wrapped(
            `No column stands for the ${missing}, so there is no matrix to write. Say whose they are: --role "HEADING=${missing}/NAME".`,
            '',
          ),
        ]),
    ...(written
      ? [
          '',
          'Next: put in what says CHANGE, who may log in (gives, for) and each A2; then',
          `  npx sallyport matrix check ${folder}`,
        ]
      : []),
  ]);
}

function openSheet(file: string): ReturnType<typeof readSpreadsheet> {
  try {
    if (!statSync(file).isFile()) return { why: 'it is no file' };
    return readSpreadsheet(readFileSync(file));
  } catch (error) {
    return { why: `it cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})` };
  }
}

/** By heading; the text that is returned says what is wrong with one. */
function rolesSaid(given: readonly string[]): Map<string, string> | string {
  const roles = new Map<string, string>();
  for (const text of given) {
    const [, heading, party, name] = /^(.+)=(msp|client)\/(.+)$/s.exec(text) ?? [];
    if (!heading?.trim() || !name || !party || !NAME.test(name)) {
      return `--role ${JSON.stringify(text.slice(0, 100))}: expected HEADING=msp/NAME or HEADING=client/NAME, such as "IT Manager=client/it".`;
    }
    roles.set(heading.trim(), `${party}/${name}`);
  }
  return roles;
}

function strayRole(said: ReadonlyMap<string, string>, { roles }: Imported): string | null {
  const headings = roles.map(({ heading }) => heading).filter(heading => heading !== '');
  const known = new Set(
    roles.flatMap(({ group, heading }) => [heading, `${group} ${heading}`].map(plainWords)),
  );
  for (const heading of said.keys()) {
    if (known.has(plainWords(heading))) continue;
    const near = nearestOf(heading, headings);
    return `--role "${visible(heading)}": no column is headed so; there is ${headings.map(visible).join(', ')}.${near ? ` Did you mean ${visible(near)}?` : ''}`;
  }
  return null;
}

function unsound(tenant: string, texts: VersionTexts): string | null {
  const reading = readTexts(tenant, texts);
  return reading.ok ? null : reading.problems.map(problemText).join('\n');
}

function report({ heading: headings, roles, unplaced, remarks }: Imported): string[] {
  return [
    `Row ${headings} was taken for the headings.`,
    '',
    'Roles:',
    ...roles.flatMap(({ column, heading, squad }) =>
      row(column, `${visible(heading) || 'no heading'}: ${squad ?? 'whose?'}`),
    ),
    ...(unplaced.length === 0 ? [] : ['', 'Not placed:']),
    ...unplaced.flatMap(one =>
      indented(`${placeInSheet(one)}: ${one.what ? `"${one.what}": ` : ''}${one.why}`),
    ),
    ...(remarks.length === 0 ? [] : ['', 'Read so:']),
    ...remarks.flatMap(indented),
  ];
}

const indented = (text: string): string[] =>
  wrapped(text, '    ').map((line, at) => (at === 0 ? line.slice(2) : line));
