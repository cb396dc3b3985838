import type { Look } from './paint.ts';

/** What a drawing is made of, in the order in which it is painted. */
export type Part =
  | {
      readonly kind: 'box';
      readonly look: Look;
      readonly x: number;
      readonly y: number;
      readonly width: number;
      readonly height: number;
      readonly radius: number;
    }
  | {
      readonly kind: 'path';
      readonly look: Look;
      readonly points: readonly Point[];
      readonly closed: boolean;
    }
  | {
      readonly kind: 'text';
      readonly look: Look;
      readonly x: number;
      readonly y: number;
      readonly anchor: 'start' | 'middle' | 'end';
      readonly text: string;
    }
  /** Parts that belong together; `title` says what they mean. */
  | { readonly kind: 'group'; readonly title: string; readonly parts: readonly Part[] };

export type Point = readonly [x: number, y: number];

export const box = (look: Look, x: number, y: number, width: number, height: number, radius = 0): Part => ({
  kind: 'box',
  look,
  x,
  y,
  width,
  height,
  radius,
});

export const path = (look: Look, ...points: Point[]): Part => ({ kind: 'path', look, points, closed: false });

export const words = (
  look: Look,
  x: number,
  y: number,
  text: string,
  anchor: 'start' | 'middle' | 'end' = 'start',
): Part => ({ kind: 'text', look, x, y, anchor, text });

export const stacked = (
  look: Look,
  x: number,
  y: number,
  step: number,
  lines: readonly string[],
  anchor: 'start' | 'middle' = 'start',
): Part[] => lines.map((line, at) => words(look, x, y + at * step, line, anchor));

/** A line with a head at its end; the last piece must be longer than the head. */
export function arrow(look: 'ask' | 'next' | 'advise' | 'tell' | 'escalate', ...points: Point[]): Part[] {
  const [x, y] = points.at(-1)!;
  const [fromX, fromY] = points.at(-2)!;
  const [dx, dy] = [Math.sign(x - fromX), Math.sign(y - fromY)];
  const long = look === 'tell' ? 5 : 7;
  const half = look === 'tell' ? 2.5 : 3.5;
  const [backX, backY] = [x - dx * long, y - dy * long];
  return [
    path(look, ...points.slice(0, -1), [backX, backY]),
    {
      kind: 'path',
      look: look === 'next' ? 'head-ask' : `head-${look}`,
      points: [
        [x, y],
        [backX + dy * half, backY + dx * half],
        [backX - dy * half, backY - dx * half],
      ],
      closed: true,
    },
  ];
}

/** Where a line goes over to the other party. */
export const handoff = (x: number, y: number): Part => ({
  kind: 'path',
  look: 'handoff',
  points: [
    [x, y - 5],
    [x + 5, y],
    [x, y + 5],
    [x - 5, y],
  ],
  closed: true,
});
