/**
 * How things of a drawing look. Colours are the pages' own (`src/web/style/base.css`). Each look is written twice: as
 * attributes with the light colours, for programs that know no style sheets, and as a rule of the sheet, for browsers,
 * where it follows light, dark and print.
 */

export const LIGHT = {
  paper: '#ffffff',
  ink: '#1c1f26',
  quiet: '#525866',
  'quiet-soft': '#eef0f3',
  line: '#c5c9d3',
  msp: '#3d3bb3',
  'msp-soft': '#ecebff',
  client: '#0b6b63',
  'client-soft': '#e0f4f1',
  refused: '#a11a1a',
  'refused-soft': '#fdeaea',
  waiting: '#7a4b00',
} as const;

type Colour = keyof typeof LIGHT;

export const DARK: Readonly<Record<Colour, string>> = {
  paper: '#13161e',
  ink: '#e9ebf1',
  quiet: '#b6bccb',
  'quiet-soft': '#2a2e38',
  line: '#4a5060',
  msp: '#b1b3ff',
  'msp-soft': '#25244f',
  client: '#62d8c9',
  'client-soft': '#0c3733',
  refused: '#ffa59e',
  'refused-soft': '#461815',
  waiting: '#ffcf70',
};

interface Paint {
  readonly fill?: Colour | 'none';
  readonly stroke?: Colour;
  readonly width?: number;
  readonly dash?: string;
  readonly size?: number;
  readonly bold?: true;
}

const text = (fill: Colour, size: number, bold?: true): Paint => ({ fill, size, ...(bold ? { bold } : {}) });
const box = (fill: Colour | 'none', stroke: Colour, width = 1, dash?: string): Paint => ({
  fill,
  stroke,
  width,
  ...(dash ? { dash } : {}),
});
const stroke = (colour: Colour, width: number, dash?: string): Paint => box('none', colour, width, dash);

const LOOKS = {
  paper: { fill: 'paper' },
  rule: stroke('line', 1),
  border: stroke('quiet', 1.5),
  'strip-msp': { fill: 'msp-soft' },
  'strip-client': { fill: 'client-soft' },
  'strip-gap': { fill: 'refused-soft' },
  'strip-quiet': { fill: 'quiet-soft' },
  // Boxes: who owns it is filled, who acts is tinted, who only hears of it is an outline.
  'own-msp': box('msp', 'msp', 1.5),
  'own-client': box('client', 'client', 1.5),
  'act-msp': box('msp-soft', 'msp', 1.5),
  'act-client': box('client-soft', 'client', 1.5),
  'hear-msp': box('paper', 'msp'),
  'hear-client': box('paper', 'client'),
  'box-escalate': box('paper', 'refused', 1.5),
  'box-gap': box('refused-soft', 'refused', 1.5, '4 3'),
  // Lines: each has its own stroke, so that no colour is needed to tell them apart.
  ask: stroke('ink', 2),
  next: stroke('ink', 2, '2 4'),
  advise: stroke('quiet', 1.5, '7 4'),
  tell: stroke('quiet', 1),
  escalate: stroke('refused', 1.75, '9 3 2 3'),
  'head-ask': { fill: 'ink' },
  'head-advise': { fill: 'quiet' },
  'head-tell': { fill: 'quiet' },
  'head-escalate': { fill: 'refused' },
  handoff: box('paper', 'ink', 1.5),
  // Words.
  title: text('ink', 20, true),
  heading: text('ink', 15, true),
  label: text('ink', 13, true),
  words: text('ink', 12),
  quiet: text('quiet', 11),
  'name-msp': text('msp', 12, true),
  'name-client': text('client', 12, true),
  'letter-own': text('paper', 12, true),
  'word-own': text('paper', 11),
  'letter-msp': text('msp', 12, true),
  'letter-client': text('client', 12, true),
  word: text('ink', 11),
  'letter-gap': text('refused', 12, true),
  gap: text('refused', 11, true),
  warning: text('waiting', 11, true),
} as const satisfies Record<string, Paint>;

export type Look = keyof typeof LOOKS;

export const sizeOf = (look: Look): number => (LOOKS[look] as Paint).size ?? 0;
export const isBold = (look: Look): boolean => (LOOKS[look] as Paint).bold ?? false;

/** The look as attributes: light, and understood by every program that draws SVG. */
export function attributesOf(look: Look): string {
  const { fill, stroke: line, width, dash, size, bold }: Paint = LOOKS[look];
  const colour = (name: Colour | 'none') => (name === 'none' ? name : LIGHT[name]);
  return [
    `class="s-${look}"`,
    ...(fill ? [`fill="${colour(fill)}"`] : []),
    ...(line ? [`stroke="${colour(line)}"`] : []),
    ...(width ? [`stroke-width="${width}"`] : []),
    ...(dash ? [`stroke-dasharray="${dash}"`] : []),
    ...(size ? [`font-size="${size}"`] : []),
    ...(bold ? ['font-weight="700"'] : []),
  ].join(' ');
}

const declared = (colours: Readonly<Record<Colour, string>>): string =>
  Object.entries(colours)
    .map(([name, value]) => `--s-${name}:${value}`)
    .join(';');

const colourRules = Object.entries(LOOKS as Record<string, Paint>).map(([look, { fill, stroke: line }]) => {
  const parts = [
    ...(fill && fill !== 'none' ? [`fill:var(--s-${fill})`] : []),
    ...(line ? [`stroke:var(--s-${line})`] : []),
  ];
  return `.swimlane .s-${look}{${parts.join(';')}}`;
});

/** The style sheet of every drawing: dark where the reader wants it, light on paper. */
export const STYLE = [
  `.swimlane{${declared(LIGHT)};color-scheme:light dark}`,
  `@media (prefers-color-scheme:dark){.swimlane{${declared(DARK)}}}`,
  `@media print{.swimlane{${declared(LIGHT)};color-scheme:light;print-color-adjust:exact;-webkit-print-color-adjust:exact}}`,
  ...colourRules,
].join('\n');
