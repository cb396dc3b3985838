import type { Activity } from '../../domain/matrix.ts';
import { ANSWER_WITHIN } from '../../domain/matrix.ts';
import { fitted } from './fit.ts';
import { type Lane, type Lanes, ROOMY } from './lanes.ts';
import type { Look } from './paint.ts';
import { arrow, box, handoff, type Part, type Point, path, words } from './parts.ts';

/**
 * The steps of one activity, from above: who asks and who is heard first; who answers; who is told. Each of the three
 * has boxes in the lanes of its squads, and what leads from one to the next runs between them, so no line crosses a box.
 */

type Kind = 'R' | 'C' | 'A' | '+' | 'A2' | 'none' | 'I' | '!' | '✓';

interface Step {
  readonly kind: Kind;
  readonly lane: Lane;
  readonly word: string;
  readonly y: number;
}

interface Level {
  readonly steps: readonly Step[];
  readonly top: number;
  readonly bottom: number;
}

const HEIGHT = 22;
const GAP = 5;
const SIDE = 12;
/** Between who asks and who answers. */
const ASK_ROOM = 20;
/** Between who answers and who is told. */
const TELL_ROOM = 20;

export interface Drawn {
  readonly parts: Part[];
  readonly height: number;
}

/** @param gap whether nobody can answer in A's place */
export function stepsOf(activity: Activity, lanes: Lanes, gap: boolean): Drawn {
  const { R, A, A2, C = [], I = [], escalate = [], co_approve = [], handback = [] } = activity;
  const atOnce = activity.answer === 'pre-approved';
  const within = activity.answer_within ?? ANSWER_WITHIN;
  const level = (top: number, wanted: readonly (readonly [Kind, string, string])[]): Level => {
    const used = new Map<string, number>();
    const steps = wanted.flatMap(([kind, squad, word]) => {
      const lane = lanes.all.find(one => one.squad === squad);
      if (!lane) return [];
      const place = used.get(squad) ?? 0;
      used.set(squad, place + 1);
      return [{ kind, lane, word, y: top + place * (HEIGHT + GAP) }];
    });
    const deep = Math.max(0, ...used.values());
    return { steps, top, bottom: deep === 0 ? top : top + deep * (HEIGHT + GAP) - GAP };
  };
  const asking = level(0, [
    ...R.map(squad => ['R', squad, atOnce ? 'at once' : 'asks'] as const),
    ...C.map(squad => ['C', squad, 'advises'] as const),
  ]);
  const answering = level(asking.bottom + (atOnce ? 10 : ASK_ROOM), [
    ['A', A, atOnce ? 'told after' : 'answers'],
    ...(atOnce ? [] : co_approve.map(squad => ['+', squad, 'yes too'] as const)),
    ...(A2 !== undefined && A2 !== A ? [['A2', A2, atOnce ? 'told after' : `after ${within}`] as const] : []),
    ...(gap ? [['none', A, 'no A2'] as const] : []),
  ]);
  const told = [
    ...I.map(squad => ['I', squad, 'told after'] as const),
    ...(atOnce ? [] : escalate.map(squad => ['!', squad, 'no answer'] as const)),
    ...(handback.length > 0 ? [['✓', R[0]!, 'hands back'] as const] : []),
  ];
  const telling = level(answering.bottom + (told.length > 0 ? TELL_ROOM : 0), told);
  const lines = [
    ...advising(asking, lanes),
    ...(atOnce ? [] : [...asks(asking, answering, lanes), ...next(answering, lanes)]),
    ...tells(answering, telling, lanes),
  ];
  const boxes = [asking, answering, telling].flatMap(({ steps }) =>
    steps.flatMap(step => boxOf(step, lanes, atOnce)),
  );
  return { parts: [...lines, ...boxes], height: telling.bottom };
}

function boxOf({ kind, lane, word, y }: Step, lanes: Lanes, atOnce: boolean): Part[] {
  const { party } = lane;
  const [shape, letter, said]: readonly [Look, Look, Look] =
    kind === 'A' && !atOnce
      ? [`own-${party}`, 'letter-own', 'word-own']
      : kind === 'R' || kind === 'A2' || kind === '+' || kind === 'A'
        ? [`act-${party}`, `letter-${party}`, 'word']
        : kind === 'none'
          ? ['box-gap', 'letter-gap', 'gap']
          : kind === '!'
            ? ['box-escalate', 'letter-gap', 'word']
            : [`hear-${party}`, `letter-${party}`, 'word'];
  const x = lane.left + SIDE;
  const width = lanes.width - 2 * SIDE;
  // The MSP's boxes are square, the client's round, as the chips on the pages are.
  const radius = party === 'msp' ? 2 : HEIGHT / 2;
  const sign = kind === 'none' ? '▲' : kind;
  const frame = box(shape, x, y, width, HEIGHT, radius);
  if (lanes.all.length > ROOMY) {
    const text = kind === 'A2' && !atOnce ? `${sign} ${word.replace('after ', '')}` : sign;
    const [short = ''] = fitted(text, { width: width - 6, size: 12, bold: true, lines: 1 });
    return [frame, words(letter, lane.middle, y + 15.5, short, 'middle')];
  }
  const from = x + (kind === 'A2' ? 27 : 23);
  const [line = ''] = fitted(word, { width: x + width - 4 - from, size: 11, lines: 1 });
  return [
    frame,
    words(letter, x + (kind === 'A2' ? 15 : 13), y + 15.5, sign, 'middle'),
    words(said, from, y + 15, line),
  ];
}

const middleOf = ({ y }: Step): number => y + HEIGHT / 2;

/** From the nearest who asks to each who is heard before. */
function advising({ steps }: Level, lanes: Lanes): Part[] {
  const asking = steps.filter(({ kind }) => kind === 'R');
  return steps
    .filter(({ kind, lane }) => kind === 'C' && !asking.some(one => one.lane === lane))
    .flatMap(step => {
      const near = nearest(asking, step.lane);
      return near ? besides('advise', near, step, lanes) : [];
    });
}

const nearest = (steps: readonly Step[], lane: Lane): Step | null =>
  steps.reduce<Step | null>(
    (best, one) =>
      best && Math.abs(best.lane.left - lane.left) <= Math.abs(one.lane.left - lane.left) ? best : one,
    null,
  );

/** A line from the side of one box to the side of another, at the height of the other. */
function besides(look: 'advise' | 'next', from: Step, to: Step, lanes: Lanes): Part[] {
  const right = to.lane.left > from.lane.left;
  const edge = (lane: Lane, outer: boolean): number =>
    outer ? lane.left + lanes.width - SIDE : lane.left + SIDE;
  const end: Point = [edge(to.lane, !right), middleOf(to)];
  if (to.y === from.y) return arrow(look, [edge(from.lane, right), middleOf(from)], end);
  return arrow(look, [from.lane.middle, middleOf(from)], [from.lane.middle, middleOf(to)], end);
}

/** The question: from everybody who asks to the one who answers, and to those who must say yes besides. */
function asks(asking: Level, answering: Level, lanes: Lanes): Part[] {
  const from = asking.steps.filter(({ kind }) => kind === 'R');
  const to = answering.steps.filter(({ kind, y }) => (kind === 'A' || kind === '+') && y === answering.top);
  const y = asking.bottom + 8;
  const xs = [...from, ...to].map(({ lane }) => lane.middle);
  const left = Math.min(...xs);
  const right = Math.max(...xs);
  const crosses =
    lanes.border !== null &&
    left < lanes.border &&
    right > lanes.border &&
    from.some(one => to.some(other => one.lane.party !== other.lane.party));
  return [
    ...from.map(step => path('ask', [step.lane.middle, step.y + HEIGHT], [step.lane.middle, y])),
    ...(left < right ? [path('ask', [left, y], [right, y])] : []),
    ...to.flatMap(step => arrow('ask', [step.lane.middle, y], [step.lane.middle, step.y])),
    ...(crosses ? [handoff(lanes.border, y)] : []),
  ];
}

/** From the one who answers on to the one in their place. */
function next({ steps }: Level, lanes: Lanes): Part[] {
  const owner = steps.find(({ kind }) => kind === 'A');
  const second = steps.find(({ kind }) => kind === 'A2');
  return owner && second ? besides('next', owner, second, lanes) : [];
}

/** Who is told after the answer, and who is told when there is none. Each comes in at its own side of the lane. */
function tells(answering: Level, telling: Level, lanes: Lanes): Part[] {
  const owner = answering.steps.find(({ kind }) => kind === 'A');
  if (!owner) return [];
  const last = answering.steps.find(({ kind }) => kind === 'A2') ?? owner;
  const heard = telling.steps.filter(({ kind }) => kind === 'I');
  const alarmed = telling.steps.filter(({ kind }) => kind === '!');
  const told = heard.flatMap(step => {
    const y = answering.bottom + 6;
    const x = step.lane.left + 4;
    return [
      path('tell', [owner.lane.middle, owner.y + HEIGHT], [owner.lane.middle, y], [x, y]),
      ...arrow('tell', [x, y], [x, middleOf(step)], [step.lane.left + SIDE, middleOf(step)]),
    ];
  });
  const escalated = alarmed.flatMap(step => {
    const y = answering.bottom + 13;
    const from = last.lane.middle + 14;
    const x = step.lane.left + lanes.width - 4;
    return arrow(
      'escalate',
      [from, last.y + HEIGHT],
      [from, y],
      [x, y],
      [x, middleOf(step)],
      [step.lane.left + lanes.width - SIDE, middleOf(step)],
    );
  });
  return [...told, ...escalated];
}
