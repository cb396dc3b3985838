import { parse } from 'yaml';
import { calendarsOf, openAt } from '../src/domain/calendar.ts';
import { decide, type Question } from '../src/domain/decision.ts';
import { checkEngagement } from '../src/matrices/check.ts';
import { readTexts } from '../src/matrices/read.ts';
import { ACTIVITIES, everybody, matrixText, questions, SERVICES, TARGETS, targetsText } from './estate.ts';
import {
  fasterThan,
  heapInUse,
  inTurns,
  type Measure,
  machine,
  mebibytes,
  plain,
  print,
  within,
} from './measure.ts';

/** The decision, and the reading of a matrix, at the size that the issue names; against Cedar and against `yaml`. */

/** Many short turns: what else the machine does then spoils some of them, and the median is none of these. */
const TURNS = 151;
const QUESTIONS = 4_000;
/** How many of them Cedar answers in a turn, in rotation: it takes about as long as we do for all of them. */
const CEDARS = 100;

const measures: Measure[] = [...machine()];
const texts = { matrix: matrixText(), targets: targetsText(), expectations: null };

function read() {
  const reading = readTexts('estate', texts);
  if (!reading.ok) throw new Error(`the estate does not read: ${JSON.stringify(reading.problems[0])}`);
  return reading;
}

const bare = heapInUse();
const reading = read();
const { engagement } = reading;
const loaded = heapInUse();
const people = everybody();
const peopled = heapInUse();
const asked = questions(engagement, people, QUESTIONS);
const circumstances = { people, lockedOut: false };
const before = heapInUse();
// Counted, not kept: V8 would take it that decisions live long, and make each of them in old space from then on.
const counts = new Map<string, number>();
for (const question of asked) {
  const { code, decision } = decide(engagement, question, circumstances);
  counts.set(code ?? decision, (counts.get(code ?? decision) ?? 0) + 1);
}
const indexed = heapInUse();

const cedar = await import('./cedar.ts');
const residentBefore = process.memoryUsage().rss;
cedar.preparseCells(engagement);
const resident = process.memoryUsage().rss - residentBefore;

measures.push(
  plain('questions', QUESTIONS),
  plain('cells', SERVICES * ACTIVITIES),
  plain('people', people.length),
  plain('targets', TARGETS),
  ...[...counts]
    .sort(([, one], [, other]) => other - one)
    .map(([what, count]) => plain(`answers: ${what}`, count)),
);

const calendars = calendarsOf(engagement.matrix.calendars ?? {}, engagement.matrix.timezone);
const calls = asked.map(question => {
  const open = openCalendars(question);
  return {
    ask: cedar.callOf(engagement, question, open, 'ask'),
    start: cedar.callOf(engagement, question, open, 'start'),
  };
});
const decideAll = (some: readonly Question[]) => {
  for (const question of some) decide(engagement, question, circumstances);
};
let turn = 0;
const decision = inTurns(
  TURNS,
  () => decideAll(asked),
  () => {
    const from = (turn++ * CEDARS) % QUESTIONS;
    for (const call of calls.slice(from, from + CEDARS)) cedar.isAllowed(call.ask);
  },
);
const ours = (decision.ours / QUESTIONS) * 1_000;
measures.push(
  fasterThan(
    `a decision with its explanation, against Cedar ${cedar.version()}, a pre-parsed set for each cell`,
    ours,
    'µs',
    (decision.theirs / CEDARS) * 1_000,
    50,
  ),
);

const unnamed = asked.map(question => ({ ...question, activity: null }));
decideAll(unnamed);
measures.push(
  plain(
    'the same where no activity is named',
    Number(
      (
        (inTurns(
          5,
          () => decideAll(unnamed),
          () => {},
        ).ours /
          QUESTIONS) *
        1_000
      ).toPrecision(3),
    ),
    'µs',
  ),
);

const agreed = calls.filter(({ ask, start }, at) => {
  const { decision } = decide(engagement, asked[at]!, circumstances);
  const theirs = cedar.isAllowed(start)
    ? 'pre-approved'
    : cedar.isAllowed(ask)
      ? 'needs-approval'
      : 'refused';
  return decision === theirs;
}).length;
measures.push(plain('questions on which both say the same', `${agreed} of ${QUESTIONS}`));

const at = Date.parse('2026-11-24T15:00:00Z');
const loading = inTurns(
  9,
  () => void checkEngagement(read(), at),
  () => {
    parse(texts.matrix);
    parse(texts.targets);
  },
);
measures.push(
  within(
    'reading and checking both files, against parsing their YAML alone',
    loading.ours,
    'ms',
    loading.theirs,
    2,
  ),
  plain('both files', mebibytes(texts.matrix.length + texts.targets.length), 'MiB'),
  plain('heap: the engagement and where its parts stand in the files', mebibytes(loaded - bare), 'MiB'),
  plain('heap: the people', mebibytes(peopled - loaded), 'MiB'),
  plain('heap: what decisions have worked out once', mebibytes(indexed - before), 'MiB'),
  plain('heap: all of it, the program too', mebibytes(indexed), 'MiB'),
  plain("resident memory of Cedar's sets", mebibytes(resident), 'MiB'),
);
print(measures);

function openCalendars(question: Question): string[] {
  return [...calendars].filter(([, calendar]) => openAt([calendar], question.at)).map(([name]) => name);
}
