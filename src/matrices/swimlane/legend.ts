import { textWidth } from './fit.ts';
import type { Look } from './paint.ts';
import { arrow, box, handoff, type Part, path, words } from './parts.ts';

/** What each sign means, as a drawing and as words. */

interface Entry {
  readonly sample: (x: number, y: number) => Part[];
  readonly width: number;
  readonly text: string;
}

const LONG = 34;
const SMALL = 26;

const boxed =
  (shape: Look, letter: Look, sign: string) =>
  (x: number, y: number): Part[] => [
    box(shape, x, y - 8, SMALL, 17, shape.endsWith('client') ? 8.5 : 2),
    words(letter, x + 13, y + 4.5, sign, 'middle'),
  ];
const line =
  (look: 'ask' | 'next' | 'advise' | 'tell' | 'escalate') =>
  (x: number, y: number): Part[] =>
    arrow(look, [x, y], [x + LONG, y]);

const ENTRIES: readonly Entry[] = [
  { sample: boxed('act-msp', 'letter-msp', 'R'), width: SMALL, text: 'is responsible: asks, and does it' },
  { sample: boxed('own-client', 'letter-own', 'A'), width: SMALL, text: 'is accountable: answers' },
  { sample: boxed('act-client', 'letter-client', 'A2'), width: SMALL, text: 'answers when A does not' },
  { sample: boxed('hear-msp', 'letter-msp', 'C'), width: SMALL, text: 'is consulted before' },
  { sample: boxed('hear-client', 'letter-client', 'I'), width: SMALL, text: 'is informed after' },
  { sample: boxed('act-client', 'letter-client', '+'), width: SMALL, text: 'must say yes too' },
  { sample: boxed('hear-msp', 'letter-msp', '✓'), width: SMALL, text: 'hands back by a checklist' },
  { sample: line('ask'), width: LONG, text: 'the question' },
  { sample: line('next'), width: LONG, text: 'on to A2, after that time' },
  { sample: line('advise'), width: LONG, text: 'advice before' },
  { sample: line('tell'), width: LONG, text: 'told after' },
  { sample: line('escalate'), width: LONG, text: '! told when nobody answered' },
  {
    sample: (x, y) => [path('ask', [x, y], [x + LONG, y]), handoff(x + LONG / 2, y)],
    width: LONG,
    text: 'goes over to the other party',
  },
  {
    sample: (x, y) => [
      box('box-gap', x, y - 8, SMALL, 17, 2),
      words('letter-gap', x + 13, y + 4.5, '▲', 'middle'),
    ],
    width: SMALL,
    text: 'a gap',
  },
  {
    sample: (x, y) => [words('warning', x + 13, y + 4.5, '△', 'middle')],
    width: SMALL,
    text: 'a warning',
  },
];

/** In rows as wide as the drawing. */
export function legend([left, top]: readonly [number, number], width: number) {
  const parts: Part[] = [];
  let x = left;
  let y = top + 10;
  for (const { sample, width: sampled, text } of ENTRIES) {
    const room = sampled + 7 + textWidth(text, 12) + 18;
    if (x + room > left + width && x > left) {
      x = left;
      y += 24;
    }
    parts.push(...sample(x, y), words('words', x + sampled + 7, y + 4.5, text));
    x += room;
  }
  return {
    parts,
    below: y + 14,
    sentences: [
      'R is responsible: asks, and does it. A is accountable: answers. A2 answers when A does not. C is consulted before, I is informed after.',
    ],
  };
}
