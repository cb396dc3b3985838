import { type Outcome, testEngagement } from '../../matrices/test.ts';
import { badTime, type Common, clockOf, readAll, type Sound, titleOf } from './reading.ts';
import { count, json, type Said, say, wrapped } from './said.ts';

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
