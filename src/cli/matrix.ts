import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { Command } from 'commander';
import { readClientConfiguration } from '../configuration.ts';
import { parseMoment } from '../domain/calendar.ts';
import { decide } from '../domain/decision.ts';
import { parseDuration } from '../domain/duration.ts';
import { checkEngagement, type Finding } from '../matrices/check.ts';
import { consequences, decidingPlaces, questionText } from '../matrices/explain.ts';
import { nearestOf, type Problem, placeText, problemText } from '../matrices/problem.ts';
import { type Reading, readEngagement, tenantFolders } from '../matrices/read.ts';
import { type Outcome, peopleOf, questionOf, testEngagement } from '../matrices/test.ts';

/** What a command says and how it exits: 0 yes or done, 1 the answer is no, 2 the call or a file is wrong. */
export interface Said {
  readonly code: 0 | 1 | 2;
  /** For standard output, with its last newline. */
  readonly out: string;
  /** For standard error. */
  readonly err: string;
}

interface Common {
  /** Where `policies/` is when no DIR was given. */
  readonly policies: string;
  /** Epoch milliseconds, unless `at` says otherwise. */
  readonly now: number;
  readonly tenant?: string | undefined;
  readonly at?: string | undefined;
  readonly json?: boolean | undefined;
}

export interface Asked extends Common {
  readonly who: string;
  readonly target: string;
  readonly for: string;
  readonly activity?: string | undefined;
  readonly ssh?: string | undefined;
  readonly postgres?: string | undefined;
  readonly web?: string | undefined;
  readonly ticket?: string | undefined;
  readonly severity?: string | undefined;
}

type Sound = Extract<Reading, { ok: true }>;

const say = (code: Said['code'], lines: readonly string[]): Said => ({ code, out: joined(lines), err: '' });
const wrong = (...lines: string[]): Said => ({ code: 2, out: '', err: joined(lines) });
const joined = (lines: readonly string[]): string => lines.map(line => `${line}\n`).join('');
const json = (code: Said['code'], value: unknown, err = ''): Said => ({
  code,
  out: `${JSON.stringify(value, null, 2)}\n`,
  err,
});

/** Breaks a text so that it fits 80 columns, each line after the indent. */
function wrapped(text: string, indent: string): string[] {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!;
    if (line && indent.length + line.length + 1 + word.length > 80) lines.push(word);
    else lines[lines.length - 1] = line ? `${line} ${word}` : word;
  }
  return lines.map(line => indent + line);
}

const row = (name: string, text: string): string[] => {
  const [first, ...rest] = wrapped(text, ' '.repeat(13));
  return [`  ${name.padEnd(11)}${first!.trimStart()}`, ...rest];
};

const count = (number: number, one: string): string => `${number} ${one}${number === 1 ? '' : 's'}`;

/** Reads the tenants that DIR, or else the policies folder, holds; all of them sound, or what to say instead. */
function readAll(dir: string | undefined, options: Common): Sound[] | Said {
  const where = dir ?? options.policies;
  const isTenant = existsSync(join(where, 'matrix.yaml'));
  const readings = tenantFolders(where).map(folder => readEngagement(folder, { anyFolder: isTenant }));
  if (readings.length === 0)
    return wrong(`${where}: no tenant's folder is there. Name one that holds matrix.yaml.`);
  const problems: readonly Problem[] = readings.flatMap(reading => (reading.ok ? [] : reading.problems));
  if (problems.length > 0) {
    const err = joined([
      ...problems.map(problemText),
      `${count(problems.length, 'problem')}; nothing was changed.`,
    ]);
    return options.json ? json(2, { problems }, err) : { code: 2, out: '', err };
  }
  const sound = readings.filter(reading => reading.ok);
  const { tenant } = options;
  if (tenant === undefined) return sound;
  const chosen = sound.filter(({ engagement }) => engagement.tenant === tenant);
  return chosen.length > 0
    ? chosen
    : wrong(`${where}: there is no tenant "${tenant}". It holds ${tenantsOf(sound)}.`);
}

const tenantsOf = (sound: readonly Sound[]): string =>
  sound.map(({ engagement }) => engagement.tenant).join(', ');

/** The moment of `--at`, in the matrix's zone; `null` when it is no time. */
const clockOf = ({ at, now }: Common, { engagement }: Sound): number | null =>
  at === undefined ? now : parseMoment(at, engagement.matrix.timezone);

const badTime = (at: string | undefined): Said =>
  wrong(`--at ${at}: expected a time such as 2026-11-24T10:00, in the matrix's zone unless it names one.`);

const titleOf = ({ folder, engagement }: Sound): string =>
  `${engagement.tenant} ${engagement.matrix.version}  ${folder}  ${engagement.digest.slice(0, 12)}`;

/** `matrix check`: 1 when a gap was found, 0 when at most warnings were. */
export function checkAction(dir: string | undefined, options: Common): Said {
  const read = readAll(dir, options);
  if (!Array.isArray(read)) return read;
  const checked: { sound: Sound; findings: Finding[] }[] = [];
  for (const sound of read) {
    const at = clockOf(options, sound);
    if (at === null) return badTime(options.at);
    checked.push({ sound, findings: checkEngagement(sound, at) });
  }
  const all = checked.flatMap(({ findings }) => findings);
  const gaps = all.filter(({ severity }) => severity === 'error').length;
  const code = gaps > 0 ? 1 : 0;
  if (options.json) {
    return json(code, {
      tenants: read.map(({ engagement }) => ({
        tenant: engagement.tenant,
        version: engagement.matrix.version,
        digest: engagement.digest,
      })),
      findings: checked.flatMap(({ sound, findings }) =>
        findings.map(({ code, severity, message, mend, ...place }) => ({
          code,
          severity,
          tenant: sound.engagement.tenant,
          where: placeText(place),
          ...place,
          message,
          mend,
        })),
      ),
    });
  }
  const lines = checked.flatMap(({ sound, findings }) => [
    titleOf(sound),
    ...findings.flatMap(finding => [
      '',
      `${placeText(finding)}  ${finding.severity === 'error' ? 'gap' : 'warning'}  ${finding.code}`,
      ...wrapped(finding.message, '  '),
      ...wrapped(`Mend: ${finding.mend}.`, '  '),
    ]),
    '',
  ]);
  return say(code, [...lines, `${count(gaps, 'gap')}, ${count(all.length - gaps, 'warning')}.`]);
}

/** `matrix test`: 1 when an expectation does not hold. */
export function testAction(dir: string | undefined, options: Common): Said {
  const read = readAll(dir, options);
  if (!Array.isArray(read)) return read;
  const tested: { sound: Sound; outcomes: Outcome[] }[] = [];
  for (const sound of read) {
    const at = clockOf(options, sound);
    if (at === null) return badTime(options.at);
    const outcomes = sound.expectations ? testEngagement(sound.engagement, sound.expectations, at) : [];
    tested.push({ sound, outcomes });
  }
  const all = tested.flatMap(({ outcomes }) => outcomes);
  const failed = all.filter(({ differences }) => differences.length > 0).length;
  const code = failed > 0 ? 1 : 0;
  if (options.json) {
    const results = tested.flatMap(({ sound, outcomes }) =>
      outcomes.map(({ name, differences, decision }) => ({
        tenant: sound.engagement.tenant,
        name,
        ok: differences.length === 0,
        differences,
        decision,
      })),
    );
    return json(code, { passed: all.length - failed, failed, results });
  }
  const lines = tested.flatMap(({ sound, outcomes }) => [
    titleOf(sound),
    ...(outcomes.length === 0
      ? ['  no expectations: write expectations.yaml to hold the matrix to them']
      : []),
    ...outcomes.flatMap(outcomeLines),
    '',
  ]);
  return say(code, [...lines, `${count(all.length - failed, 'expectation')} held, ${failed} failed.`]);
}

function outcomeLines({ name, differences, decision }: Outcome): string[] {
  if (differences.length === 0) return [`  ok    ${name}`];
  return [
    `  FAIL  ${name}`,
    ...differences.flatMap(({ key, expected, actual }) => [
      `        ${key}`,
      ...wrapped(`- expected ${shown(expected)}`, '          '),
      ...wrapped(`+ answered ${shown(actual)}`, '          '),
    ]),
    '        because',
    ...decision.explanation.flatMap(line => wrapped(line, '          ')),
  ];
}

const shown = (value: unknown): string =>
  Array.isArray(value) && value.every(item => typeof item === 'string')
    ? `[${value.join(', ')}]`
    : typeof value === 'string'
      ? value
      : JSON.stringify(value);

/** `matrix explain`: one question answered; 1 when the answer is no. */
export function explainAction(dir: string | undefined, options: Asked): Said {
  const read = readAll(dir, options);
  if (!Array.isArray(read)) return read;
  if (read.length > 1) return wrong(`Several tenants are here: say --tenant, one of ${tenantsOf(read)}.`);
  const sound = read[0]!;
  const { engagement, expectations } = sound;
  const people = expectations ? peopleOf(expectations) : [];
  const names = people.map(({ handle }) => handle);
  if (!names.includes(options.who)) {
    const near = nearestOf(options.who, names);
    const hint = near ? ` Did you mean ${near}?` : '';
    return wrong(
      `--who ${options.who}: expectations.yaml has no such person; it has ${names.join(', ')}.${hint}`,
    );
  }
  if (parseDuration(options.for) === null)
    return wrong(`--for ${options.for}: expected a duration such as 15m or 2h.`);
  const at = clockOf(options, sound);
  if (at === null) return badTime(options.at);
  const { who, target, activity, ssh, postgres, web, ticket, severity } = options;
  if ([ssh, postgres, web].filter(role => role !== undefined).length > 1) {
    return wrong('Say one of --ssh, --postgres and --web.');
  }
  const given = { who, target, activity, ssh, postgres, web, for: options.for, ticket, severity };
  const ask = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const question = questionOf(engagement, people, ask as Parameters<typeof questionOf>[2], at);
  const decision = decide(engagement, question, { people, lockedOut: false });
  const code = decision.decision === 'refused' ? 1 : 0;
  if (options.json) return json(code, decision);
  return say(code, [
    ...wrapped(`${questionText(engagement, question)}.`, ''),
    '',
    `${decision.decision}${decision.code ? `: ${decision.code}` : ''}`,
    ...decision.explanation.flatMap(line =>
      wrapped(line, '    ').map((part, at) => (at === 0 ? part.slice(2) : part)),
    ),
    ...(decision.decision === 'refused' ? [] : ['']),
    ...consequences(decision).flatMap(([name, text]) => row(name, text)),
    '',
    ...decidingPlaces(sound, question, decision).map(line => `  ${line}`),
    `  version ${engagement.matrix.version}, digest ${engagement.digest.slice(0, 12)}`,
  ]);
}

/** `SALLYPORT_POLICIES`, as somebody in the working folder would write it: places in it are for reading. */
function configuredPolicies(): string {
  const { policies } = readClientConfiguration();
  const near = relative(process.cwd(), policies);
  return near.startsWith('..') ? policies : near || '.';
}

/**
 * `matrix check|test|explain [DIR]`. They need no broker and no sign-in.
 *
 * @param policies says the folder of tenants' folders, asked only when no DIR is given
 * @throws ConfigurationError from the actions, when the environment makes no sense
 */
export function matrixCommand(policies = configuredPolicies, now: () => number = Date.now): Command {
  const finish = (said: Said): void => {
    process.stdout.write(said.out);
    process.stderr.write(said.err);
    process.exitCode = said.code;
  };
  const outside = (dir: string | undefined) => ({ policies: dir ?? policies(), now: now() });
  const matrix = new Command('matrix').description('check, test and explain the responsibility matrix');
  const add = (name: string, description: string): Command =>
    matrix
      .command(name)
      .description(description)
      .argument('[dir]', "a tenant's folder, or a folder of them")
      .option('--tenant <name>', 'which one, where several are there')
      .option('--at <time>', 'the clock, such as 2026-11-24T10:00')
      .option('--json', 'for a script');
  add('check', 'find gray zones and mistakes').action((dir: string | undefined, options: Common) =>
    finish(checkAction(dir, { ...options, ...outside(dir) })),
  );
  add('test', 'run the expectations').action((dir: string | undefined, options: Common) =>
    finish(testAction(dir, { ...options, ...outside(dir) })),
  );
  add('explain', 'answer one question, with the lines that decided')
    .requiredOption('--who <name>', "one of the expectations' people")
    .requiredOption('--target <target>', 'what to reach')
    .option('--activity <service/activity>', 'which cell; else the only one that fits')
    .option('--ssh <login>')
    .option('--postgres <role>')
    .option('--web <role>')
    .requiredOption('--for <duration>', 'how long, such as 1h')
    .option('--ticket <ticket>')
    .option('--severity <severity>')
    .action((dir: string | undefined, options: Asked) =>
      finish(explainAction(dir, { ...options, ...outside(dir) })),
    );
  return matrix;
}
