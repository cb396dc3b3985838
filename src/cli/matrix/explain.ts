import { existsSync, readFileSync } from 'node:fs';
import { timeAt } from '../../domain/calendar.ts';
import { decide } from '../../domain/decision.ts';
import { formatDuration, parseDuration } from '../../domain/duration.ts';
import type { Engagement } from '../../domain/engagement.ts';
import { PARTIES, type Party } from '../../domain/party.ts';
import type { Member } from '../../domain/person.ts';
import type { Question } from '../../domain/question.ts';
import { shortened, visible } from '../../domain/visible-text.ts';
import { consequences, type DecidingLine, decidingLines, questionText } from '../../matrices/explain.ts';
import { type NearMiss, nearMisses } from '../../matrices/near.ts';
import { nearestOf } from '../../matrices/problem.ts';
import { peopleOf, questionOf } from '../../matrices/test.ts';
import { badTime, type Common, clockOf, readAll, type Sound, tenantsOf } from './reading.ts';
import { json, row, type Said, say, wrapped, wrong } from './said.ts';

export interface Asked extends Common {
  /** One of the expectations' people; or, with `party`, what somebody else shall be called. */
  readonly who?: string | undefined;
  readonly party?: string | undefined;
  readonly group?: readonly string[] | undefined;
  readonly email?: string | undefined;
  readonly target: string;
  readonly for: string;
  readonly activity?: string | undefined;
  readonly ssh?: string | undefined;
  readonly postgres?: string | undefined;
  readonly web?: string | undefined;
  readonly ticket?: string | undefined;
  readonly severity?: string | undefined;
}

/** `matrix explain`: one question answered; 1 when the answer is no. */
export function explainAction(dir: string | undefined, options: Asked): Said {
  const read = readAll(dir, options);
  if (!Array.isArray(read)) return read;
  if (read.length > 1) return wrong(`Several tenants are here: say --tenant, one of ${tenantsOf(read)}.`);
  const sound = read[0]!;
  const { engagement } = sound;
  const asking = askerOf(sound, options);
  if ('code' in asking) return asking;
  const { asker, people } = asking;
  if (parseDuration(options.for) === null)
    return wrong(`--for ${options.for}: expected a duration such as 15m or 2h.`);
  const at = clockOf(options, sound);
  if (at === null) return badTime(options.at);
  const { target, activity, ssh, postgres, web, ticket, severity } = options;
  if ([ssh, postgres, web].filter(role => role !== undefined).length > 1) {
    return wrong('Say one of --ssh, --postgres and --web.');
  }
  const given = { target, activity, ssh, postgres, web, for: options.for, ticket, severity };
  const ask = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const question = questionOf(
    engagement,
    people,
    { ...ask, who: asker.handle } as Parameters<typeof questionOf>[2],
    at,
  );
  const decision = decide(engagement, question, { people, lockedOut: false });
  const refused = decision.decision === 'refused';
  const lines = decidingLines(sound, question, decision, linesOf);
  const near = refused ? nearMisses(engagement, question, people) : [];
  if (options.json) return json(refused ? 1 : 0, { ...decision, lines, near: near.map(nearJson) });
  return say(refused ? 1 : 0, [
    ...wrapped(`${questionText(engagement, question)}.`, ''),
    '',
    `${decision.decision}${decision.code ? `: ${decision.code}` : ''}`,
    ...decision.explanation.flatMap(line => wrapped(line, '  ', '    ')),
    ...(refused ? [] : ['']),
    ...consequences(decision).flatMap(([name, text]) => row(name, text)),
    '',
    ...(refused ? nearLines(engagement, question, near, options.now) : []),
    ...lines.flatMap(quoted),
    ...(lines.length > 0 ? [''] : []),
    `  version ${engagement.matrix.version}, digest ${engagement.digest.slice(0, 12)}`,
  ]);
}

/** Who asks, and everybody known: the expectations' people, and the asker where they are none of them. */
function askerOf(
  { expectations, folder }: Sound,
  { who, party, group = [], email }: Asked,
): { asker: Member; people: Member[] } | Said {
  const people = expectations ? peopleOf(expectations) : [];
  const names = people.map(({ handle }) => handle);
  if (party === undefined) {
    const asker = people.find(({ handle }) => handle === who);
    if (asker) return { asker, people };
    const described = 'or describe them by --party, --group and --email';
    if (who === undefined)
      return wrong(`Say who asks: --who with one of expectations.yaml's people, ${described}.`);
    if (!expectations)
      return wrong(`--who ${who}: ${folder} has no expectations.yaml to know them from; ${described}.`);
    const near = nearestOf(who, names);
    return wrong(
      `--who ${who}: expectations.yaml has no such person; it has ${names.join(', ')}.${near ? ` Did you mean ${near}?` : ''} Else, ${described}.`,
    );
  }
  if (!PARTIES.some(known => known === party)) return wrong(`--party ${party}: expected msp or client.`);
  const handle = who ?? email ?? 'somebody';
  if (names.includes(handle))
    return wrong(`--who ${handle}: expectations.yaml has one already; leave out --party.`);
  const asker: Member = { handle, party: party as Party, email: email ?? null, groups: [...group] };
  return { asker, people: [...people, asker] };
}

const linesOf = (file: string): readonly string[] | null =>
  existsSync(file) ? readFileSync(file, 'utf8').split(/\r?\n/) : null;

/** Under their file's name, where it begins another's. */
function quoted({ file, line, text }: DecidingLine, at: number, all: readonly DecidingLine[]): string[] {
  const heading = all[at - 1]?.file === file ? [] : [`  ${file}`];
  const [first] = wrapped(text ?? '', '');
  const whole = first === text ? text : shortened(text ?? '', 70);
  return [...heading, `${String(line).padStart(7)}  ${whole}`.trimEnd()];
}

function nearLines(
  engagement: Engagement,
  question: Question,
  near: readonly NearMiss[],
  now: number,
): string[] {
  const possible = near.filter(({ instead }) => instead !== null);
  const others = near.filter(({ instead }) => instead === null);
  const known = Object.keys(engagement.targets.targets);
  const meant = known.includes(question.target) ? null : nearestOf(question.target, known);
  return [
    ...(meant === null ? [] : [`  Did you mean the target ${meant}?`, '']),
    ...(possible.length > 0 ? [`  ${question.asker.handle} could ask instead`] : []),
    ...possible.flatMap(({ cell, instead }) => [
      ...wrapped(
        `${cell}${instead!.changes.length > 0 ? ` ${instead!.changes.join(', ')}` : ''}: ${instead!.decision.decision}`,
        '    ',
        '      ',
      ),
      ...commandOf(engagement, instead!.question, now),
    ]),
    ...(possible.length > 0 ? [''] : []),
    ...(others.length > 0
      ? [`  ${possible.length > 0 ? 'Other cells' : 'The cells'} on ${question.target}`]
      : []),
    ...others.flatMap(({ cell, why, askers }) => [
      ...wrapped(
        `${cell}: ${askers.length > 0 ? `for ${askersText(askers)}` : why.join('; ')}`,
        '    ',
        '      ',
      ),
    ]),
    ...(others.length > 0 ? [''] : []),
  ];
}

const askersText = (askers: NearMiss['askers']): string =>
  askers
    .map(({ squad, people }) => (people.length > 0 ? `${squad} (${people.join(', ')})` : squad))
    .join(', ');

/** On two lines that a shell reads as one; the time only where it is not the present one. */
function commandOf({ tenant, matrix }: Engagement, question: Question, now: number): string[] {
  const { target, activity, protocol, role, seconds, ticket, severity, at } = question;
  const [date, time] = timeAt(at, matrix.timezone).split(' ');
  const rest = [
    `--for ${formatDuration(seconds)}`,
    ...(ticket === null ? [] : [`--ticket ${ticket}`]),
    ...(severity === null ? [] : [`--severity ${severity}`]),
    ...(at === now ? [] : [`--at ${date}T${time}`]),
    '--reason "WHY"',
  ];
  return [
    `      ${visible(`sallyport request ${target}.${tenant} --activity ${activity} --${protocol} ${role}`)} \\`,
    `        ${visible(rest.join(' '))}`,
  ];
}

/** A near miss as programs read it. */
const nearJson = ({ instead, ...miss }: NearMiss) => ({
  ...miss,
  instead: instead && {
    changes: instead.changes,
    decision: instead.decision.decision,
    protocol: instead.question.protocol,
    role: instead.question.role,
    seconds: instead.question.seconds,
    severity: instead.question.severity,
    at: new Date(instead.question.at).toISOString(),
  },
});
