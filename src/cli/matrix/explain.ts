import { decide } from '../../domain/decision.ts';
import { parseDuration } from '../../domain/duration.ts';
import { consequences, decidingPlaces, questionText } from '../../matrices/explain.ts';
import { nearestOf } from '../../matrices/problem.ts';
import { peopleOf, questionOf } from '../../matrices/test.ts';
import { badTime, type Common, clockOf, readAll, tenantsOf } from './reading.ts';
import { json, row, type Said, say, wrapped, wrong } from './said.ts';

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
