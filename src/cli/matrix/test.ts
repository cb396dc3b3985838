import { writeFileSync } from 'node:fs';
import { nearestOf, type Place } from '../../matrices/problem.ts';
import { type Outcome, testEngagement } from '../../matrices/test.ts';
import { differenceLines } from './difference.ts';
import { junitOf } from './junit.ts';
import { badTime, type Common, clockOf, readAll, type Sound, titleOf } from './reading.ts';
import { count, json, type Said, say, wrapped, wrong } from './said.ts';

export interface Testing extends Common {
  /** Only the expectations of this name, or else those whose name holds it. */
  readonly only?: string | undefined;
  /** Where to write the results as JUnit XML besides. */
  readonly junit?: string | undefined;
}

interface Tested {
  readonly sound: Sound;
  readonly outcomes: readonly (Outcome & { readonly place: Place })[];
}

/** `matrix test`: 1 when an expectation does not hold. */
export function testAction(dir: string | undefined, options: Testing): Said {
  const read = readAll(dir, options);
  if (!Array.isArray(read)) return read;
  const tested: Tested[] = [];
  for (const sound of read) {
    const at = clockOf(options, sound);
    if (at === null) return badTime(options.at);
    const outcomes = sound.expectations ? testEngagement(sound.engagement, sound.expectations, at) : [];
    tested.push({
      sound,
      outcomes: outcomes.map((outcome, place) => ({
        ...outcome,
        place: sound.locate('expectations', ['expect', place]),
      })),
    });
  }
  const chosen = options.only === undefined ? tested : chosenAmong(tested, options.only);
  if (!Array.isArray(chosen)) return chosen;
  if (options.junit !== undefined) {
    const unwritten = write(options.junit, chosen);
    if (unwritten) return unwritten;
  }
  const all = chosen.flatMap(({ outcomes }) => outcomes);
  const failed = all.filter(({ differences }) => differences.length > 0).length;
  const code = failed > 0 ? 1 : 0;
  if (options.json) {
    const results = chosen.flatMap(({ sound, outcomes }) =>
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
  const lines = chosen.flatMap(({ sound, outcomes }) => [
    titleOf(sound),
    ...(outcomes.length === 0
      ? ['  no expectations: write expectations.yaml to hold the matrix to them']
      : []),
    ...outcomes.flatMap(outcomeLines),
    '',
  ]);
  const left = tested.flatMap(({ outcomes }) => outcomes).length - all.length;
  return say(code, [
    ...lines,
    ...(failed > 0 ? ['- was expected and is not so, + is answered and was not expected.'] : []),
    `${count(all.length - failed, 'expectation')} held, ${failed} failed${left > 0 ? `, ${left} left out by --only` : ''}.`,
  ]);
}

/** Tenants without one of them are left out. */
function chosenAmong(tested: readonly Tested[], only: string): Tested[] | Said {
  const names = tested.flatMap(({ outcomes }) => outcomes.map(({ name }) => name));
  const exactly = names.includes(only);
  const wanted = only.toLowerCase();
  const chosen = tested
    .map(({ sound, outcomes }) => ({
      sound,
      outcomes: outcomes.filter(({ name }) =>
        exactly ? name === only : name.toLowerCase().includes(wanted),
      ),
    }))
    .filter(({ outcomes }) => outcomes.length > 0);
  if (chosen.length > 0) return chosen;
  const near = nearestOf(only, names);
  const hint = near ? ` Did you mean "${near}"?` : ' matrix test without it lists them.';
  return wrong(`--only ${only}: no expectation has that in its name.${hint}`);
}

function outcomeLines({ name, differences, decision, place }: Tested['outcomes'][number]): string[] {
  if (differences.length === 0) return wrapped(`ok    ${name}`, '  ', '        ');
  return [
    ...wrapped(`FAIL  ${name}`, '  ', '        '),
    `        ${place.file}:${place.line}`,
    ...reasonLines({ differences, decision }, '        '),
  ];
}

const reasonLines = (
  { differences, decision }: Pick<Outcome, 'differences' | 'decision'>,
  indent: string,
) => [
  ...differences.flatMap(difference => differenceLines(difference, indent)),
  `${indent}because`,
  ...decision.explanation.flatMap(line => wrapped(line, `${indent}  `, `${indent}    `)),
];

function write(file: string, tested: readonly Tested[]): Said | null {
  const suites = tested.map(({ sound, outcomes }) => ({
    name: sound.engagement.tenant,
    cases: outcomes.map(({ name, differences, decision, place }) => ({
      name,
      ...place,
      failure:
        differences.length === 0
          ? null
          : [
              `not as expected: ${differences.map(({ key }) => key).join(', ')}`,
              ...reasonLines({ differences, decision }, ''),
            ],
    })),
  }));
  try {
    writeFileSync(file, junitOf(suites));
    return null;
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    return wrong(`--junit ${file}: cannot be written (${code}); name a file in a folder that is there.`);
  }
}
