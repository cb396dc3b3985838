import { whenText } from '../../domain/explanation.ts';
import type { Exception, Rule, When } from '../../domain/matrix.ts';
import { pointer } from './changed-paths.ts';
import type { Field } from './fields.ts';
import type { Moment, Pair, Stand } from './pair.ts';
import { rowPath, same } from './side.ts';
import { calendarCauses } from './windows.ts';

/** What in the files, and in which words, makes a cell's terms others in one situation. */

const exceptionNamed = ({ cell }: Stand, name: string | null): Exception | undefined =>
  cell.activity.exceptions?.find(one => one.name === name);

const ruleNamed = ({ side }: Stand, name: string): Rule | undefined =>
  side.engagement.matrix.rules?.find(rule => rule.name === name);

/** The exception that has to apply for it: the one that came, went or changed, where one did; `null`: none has to. */
export function conditionOf({ before, after }: Pair, moment: Moment): string | null {
  const was = exceptionNamed(before, moment.before.exception);
  const is = exceptionNamed(after, moment.after.exception);
  const words = ({ name, when }: Exception) => `exception "${name}" (${whenText(when)})`;
  if (was && !exceptionNamed(after, was.name)) return `${words(was)} applied`;
  if (is && (!was || was.name === is.name || !same(is, exceptionNamed(before, is.name))))
    return `${words(is)} applies`;
  if (is && was && same(was, exceptionNamed(after, was.name)))
    return `${words(is)} applies in place of "${was.name}"`;
  return was ? `${words(exceptionNamed(after, was.name)!)} applied` : null;
}

/** The places that may have made a field another in this situation. */
export function pathsOf({ before, after }: Pair, moment: Moment, field: Field): string[] {
  const row = rowPath(after.cell.id);
  const [was, is] = [moment.before.exception, moment.after.exception];
  const exceptions = [was, is].filter(name => name !== null);
  const switched = exceptions.map(name => pointer(...row, 'exceptions', name, 'when'));
  const [then, now] = [moment.before.rules, moment.after.rules];
  const rules = [...new Set([...then, ...now])].flatMap(name => {
    const asks = [ruleNamed(before, name), ruleNamed(after, name)].some(
      rule => rule && field.rules && rule.require[field.rules] !== undefined,
    );
    const both = then.includes(name) && now.includes(name);
    return asks
      ? [
          pointer('matrix', 'rules', name, 'require', field.rules!),
          ...(both ? [] : [pointer('matrix', 'rules', name, 'when')]),
        ]
      : [];
  });
  return [
    ...field.keys.flatMap(key => [
      pointer(...row, key),
      ...exceptions.map(name => pointer(...row, 'exceptions', name, key)),
    ]),
    ...(was === is ? [] : [...switched, pointer(...row, 'exceptions', '#order')]),
    ...(field.rules ? rules : []),
  ];
}

/** `rule "two parties"`: the rules that ask for it, in the version that does. */
export function ruleWords(pair: Pair, moment: Moment, require: keyof Rule['require']): string[] {
  const asking = (stand: Stand, names: readonly string[]) =>
    names.map(name => ruleNamed(stand, name)!).filter(rule => rule.require[require] !== undefined);
  const now = asking(pair.after, moment.after.rules);
  const rules = now.length > 0 ? now : asking(pair.before, moment.before.rules);
  return rules.map(({ name, when }) => {
    const { target: _, ...rest } = when ?? {};
    return Object.keys(rest).length > 0 ? `rule "${name}", ${whenText(rest)}` : `rule "${name}"`;
  });
}

/** The calendars that made another exception or rule apply, in words. */
export function calendarsOf({ before, after }: Pair, moment: Moment, field: Field) {
  const exceptions =
    moment.before.exception === moment.after.exception
      ? []
      : [
          exceptionNamed(before, moment.before.exception)?.when,
          exceptionNamed(after, moment.after.exception)?.when,
        ];
  const differing = (stand: Stand, names: readonly string[], others: readonly string[]) =>
    names.filter(name => !others.includes(name)).map(name => ruleNamed(stand, name)?.when);
  const rules = field.rules
    ? [
        ...differing(before, moment.before.rules, moment.after.rules),
        ...differing(after, moment.after.rules, moment.before.rules),
      ]
    : [];
  return calendarCauses(before.side, after.side, [...exceptions, ...rules].flatMap(calendarNames), 'both');
}

const calendarNames = (when: When | undefined): string[] => [when?.during ?? []].flat();
