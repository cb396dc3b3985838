import { type Cell, cellsCovering, cellsOf } from '../../domain/cell.ts';
import type { Engagement } from '../../domain/engagement.ts';
import { selectorText } from '../../domain/explanation.ts';
import { findSquad } from '../../domain/squad.ts';
import type { PlacedFinding } from '../placed-findings.ts';
import { fitted } from './fit.ts';
import { everySquad, type Lanes, lanesOf, MARGIN, squadsOf } from './lanes.ts';
import { legend } from './legend.ts';
import { isBold, type Look, sizeOf } from './paint.ts';
import { box, type Part, path, stacked, words } from './parts.ts';
import { cellName, cellSentence, exceptionLines, limitsText } from './sentences.ts';
import { stepsOf } from './steps.ts';

/** One strip of a drawing. Strips are of one width and stand one under the other; paper breaks between them. */
export interface Strip {
  /** `head`, `service-backups`, `gaps`. */
  readonly id: string;
  readonly title: string;
  /** What is drawn, a sentence each. */
  readonly sentences: readonly string[];
  readonly height: number;
  readonly parts: readonly Part[];
}

export interface Layout {
  readonly width: number;
  readonly strips: readonly Strip[];
}

/**
 * An engagement as strips: its head, one for each service, and what is not in order.
 *
 * @param only a service: nothing else is drawn then, and only the lanes that have a part in it
 */
export function layoutOf(
  engagement: Engagement,
  findings: readonly PlacedFinding[],
  only: string | null = null,
): Layout {
  const cells = cellsOf(engagement).filter(({ id }) => only === null || serviceOf(id) === only);
  const taking = new Set(cells.flatMap(({ activity }) => squadsOf(activity)));
  const lanes = lanesOf(engagement, taking);
  const services = [...new Set(cells.map(({ id }) => serviceOf(id)))];
  const idle = everySquad(engagement).filter(squad => !taking.has(squad));
  return {
    width: lanes.right + MARGIN,
    strips: [
      headStrip(engagement, lanes),
      ...services.flatMap(name =>
        serviceStrips(
          engagement,
          name,
          cells.filter(({ id }) => serviceOf(id) === name),
          findings.filter(({ service }) => service === name),
          lanes,
        ),
      ),
      ...(only === null ? restStrips(engagement, findings, idle, lanes) : []),
    ],
  };
}

const serviceOf = (id: string): string => id.slice(0, id.indexOf('/'));

/** Lines that fit, under one another, and where the next thing may stand. */
function written(
  look: Look,
  text: string,
  [x, y]: readonly [number, number],
  [width, lines]: readonly [number, number],
): { parts: Part[]; below: number } {
  const size = sizeOf(look);
  const step = Math.round(size * 1.3);
  const found = fitted(text, { width, size, bold: isBold(look), lines });
  return { parts: stacked(look, x, y + size, step, found), below: y + found.length * step };
}

function headStrip({ matrix, digest }: Engagement, lanes: Lanes): Strip {
  const { msp, client } = matrix.parties;
  const width = lanes.right - MARGIN;
  const title = `Who is responsible: ${msp.name} and ${client.name}`;
  const heading = written('title', title, [MARGIN, 14], [width, 2]);
  const version = written(
    'quiet',
    [
      `Engagement ${matrix.matrix}`,
      `version ${matrix.version}`,
      ...(matrix.mode === 'observe' ? ['observed only: nothing is held back yet'] : []),
      ...(matrix.change ? [`change ${matrix.change}`] : []),
      ...(matrix.review_by ? [`review by ${matrix.review_by}`] : []),
      `digest ${digest.slice(0, 16)}`,
    ].join(' · '),
    [MARGIN, heading.below + 2],
    [width, 2],
  );
  const key = legend([MARGIN, version.below + 10], width);
  return {
    id: 'head',
    title,
    sentences: [
      `Lanes are squads: those of ${msp.name} are square, those of ${client.name} are round.`,
      ...key.sentences,
    ],
    height: key.below + 8,
    parts: [...heading.parts, ...version.parts, ...key.parts],
  };
}

/** How high a strip may get, by its width: a landscape sheet, A4 or Letter, holds it. Rows leave room for notes. */
const SHEET = 0.66;
const ROWS = 0.58;

/** A service as a strip; as several, each with its own head, where one sheet would not hold it. */
function serviceStrips(
  engagement: Engagement,
  name: string,
  cells: readonly Cell[],
  findings: readonly PlacedFinding[],
  lanes: Lanes,
): Strip[] {
  const service = cells[0]!.service;
  const covered = Object.keys(engagement.targets.targets).filter(target =>
    cellsCovering(engagement, target).some(({ id }) => serviceOf(id) === name),
  );
  const label = service.label ?? name;
  const title = `${label}: who asks, who answers, who is told`;
  const marks = numbered(findings);
  const head = laneHeads(engagement, lanes, label, [
    `targets with ${selectorText(service.targets)}`,
    covered.length === 0 ? 'none is there now' : `now ${covered.join(', ')}`,
  ]);
  const again = laneHeads(engagement, lanes, label, ['continued']);
  const width = lanes.right + MARGIN;
  const sheets: { rows: Part[]; sentences: string[]; head: typeof head; y: number }[] = [];
  for (const cell of cells) {
    const own = marks.filter(({ placed }) => placed.cell === cell.id);
    const last = sheets.at(-1);
    const row = last && rowOf(cell, own, lanes, last.y);
    const full = !last || (row && row.below > width * ROWS);
    const sheet = full ? { rows: [], sentences: [], head: last ? again : head, y: 0 } : last;
    if (full) {
      sheet.y = sheet.head.below;
      sheets.push(sheet);
    }
    const placed = full || !row ? rowOf(cell, own, lanes, sheet.y) : row;
    const sentence = cellSentence(cell);
    sheet.rows.push({ kind: 'group', title: sentence, parts: placed.parts });
    sheet.sentences.push(sentence);
    sheet.y = placed.below;
  }
  return sheets.map(({ rows, sentences, head: { lanesFrom, parts }, y }, at) => {
    const noted = at === sheets.length - 1 ? marks : [];
    const notes = notesOf(noted, [MARGIN, y + 6], lanes);
    return {
      id: at === 0 ? `service-${name}` : `service-${name}-${at + 1}`,
      title: at === 0 ? title : `${title}, continued`,
      sentences: [...sentences, ...noted.map(({ placed }) => gapSentence(placed.finding))],
      height: (noted.length > 0 ? notes.below : y) + 14,
      parts: [...frame(lanes, lanesFrom, y), ...parts, ...rows, ...notes.parts],
    };
  });
}

/** The hairlines between lanes, and the border between the parties. */
function frame(lanes: Lanes, top: number, bottom: number): Part[] {
  return [
    ...lanes.all
      .slice(1)
      .filter(({ left }) => left !== lanes.border)
      .map(({ left }) => path('rule', [left, top], [left, bottom])),
    ...(lanes.border === null ? [] : [path('border', [lanes.border, top], [lanes.border, bottom])]),
  ];
}

/** What the strip is called, and above each lane whose it is. */
function laneHeads(engagement: Engagement, lanes: Lanes, title: string, quiet: readonly string[]) {
  const width = lanes.left - MARGIN - 12;
  const heading = written('heading', title, [MARGIN, 4], [width, 2]);
  let label = heading.below;
  const about = quiet.flatMap(text => {
    const lines = written('quiet', text, [MARGIN, label], [width, 2]);
    label = lines.below;
    return lines.parts;
  });
  const strips = (['msp', 'client'] as const).flatMap((party): Part[] => {
    const own = lanes.all.filter(lane => lane.party === party);
    if (own.length === 0) return [];
    const room = own.length * lanes.width;
    const [name = ''] = fitted(engagement.matrix.parties[party].name, {
      width: room - 12,
      size: 12,
      bold: true,
      lines: 1,
    });
    return [
      box(`strip-${party}`, own[0]!.left + 1, 4, room - 2, 20, party === 'msp' ? 2 : 10),
      words(`name-${party}`, own[0]!.left + room / 2, 18, name, 'middle'),
    ];
  });
  const names = lanes.all.map(lane => {
    const squad = findSquad(engagement, lane.squad)!.squad;
    const text = squad.label ?? lane.squad.slice(lane.squad.indexOf('/') + 1);
    return {
      lane,
      lines: fitted(text, { width: lanes.width - 8, size: 12, bold: true, lines: 3 }),
    };
  });
  const deep = Math.max(1, ...names.map(({ lines }) => lines.length));
  const below = Math.max(label, 24 + 6 + deep * 15) + 8;
  return {
    lanesFrom: 24,
    below,
    parts: [
      ...heading.parts,
      ...about,
      ...strips,
      ...names.flatMap(({ lane, lines }): Part[] => [
        {
          kind: 'group',
          title: lane.squad,
          parts: stacked(`name-${lane.party}`, lane.middle, 42, 15, lines, 'middle'),
        },
      ]),
    ],
  };
}

interface Numbered {
  readonly sign: string;
  readonly look: 'gap' | 'warning';
  readonly placed: PlacedFinding;
}

/** `▲` is a gap, `△` a warning; the number leads to the words under the service. */
const numbered = (findings: readonly PlacedFinding[]): Numbered[] =>
  findings.map((placed, at) => {
    const gap = placed.finding.severity === 'error';
    return { sign: `${gap ? '▲' : '△'}${at + 1}`, look: gap ? 'gap' : 'warning', placed };
  });

function rowOf(cell: Cell, marks: readonly Numbered[], lanes: Lanes, top: number) {
  const width = lanes.left - MARGIN - 16;
  const name = written('label', cellName(cell), [MARGIN, top + 8], [width, 2]);
  const id = written('quiet', cell.id, [MARGIN, name.below], [width, 1]);
  const limits = written('quiet', limitsText(cell), [MARGIN, id.below], [width, 3]);
  const signs = marks.map(({ sign }) => sign).join('  ');
  const loudest = marks.some(({ look }) => look === 'gap') ? 'gap' : 'warning';
  const marked = written(loudest, signs, [MARGIN, limits.below + 2], [width, 1]);
  const gap = marks.some(({ placed }) => placed.finding.code === 'no-secondary');
  const steps = stepsOf(cell.activity, lanes, gap);
  let low = Math.max(marks.length > 0 ? marked.below : limits.below, top + 10 + steps.height) + 4;
  const besides = exceptionLines(cell).flatMap(text => {
    const lines = written('quiet', text, [lanes.left + 12, low], [lanes.right - lanes.left - 24, 2]);
    const behind = box('paper', lanes.left + 6, low, lanes.right - lanes.left - 12, lines.below - low + 7);
    low = lines.below;
    return [behind, ...lines.parts];
  });
  return {
    below: low + 6,
    parts: [
      path('rule', [MARGIN, top], [lanes.right, top]),
      ...name.parts,
      ...id.parts,
      ...limits.parts,
      ...(marks.length > 0 ? marked.parts : []),
      ...moved(steps.parts, top + 10),
      ...besides,
    ],
  };
}

function moved(parts: readonly Part[], down: number): Part[] {
  return parts.map((part): Part => {
    if (part.kind === 'path') return { ...part, points: part.points.map(([x, y]) => [x, y + down] as const) };
    if (part.kind === 'group') return { ...part, parts: moved(part.parts, down) };
    return { ...part, y: part.y + down };
  });
}

const gapSentence = ({ severity, message, mend }: PlacedFinding['finding']): string =>
  `${severity === 'error' ? 'Gap' : 'Warning'}: ${message}. Mend: ${mend}.`;

/** As many as a sheet has room for; the rest is a number. */
function notesOf(marks: readonly Numbered[], [x, from]: readonly [number, number], lanes: Lanes) {
  const parts: Part[] = [];
  let y = from;
  for (const [at, { sign, look, placed }] of marks.entries()) {
    if (y > (lanes.right + MARGIN) * SHEET - 40) {
      const rest = `and ${marks.length - at} more: \`sallyport matrix check\` says them all`;
      return { parts: [...parts, words('words', x + 34, y + 12, rest)], below: y + 20 };
    }
    const lines = written('words', gapSentence(placed.finding), [x + 34, y], [lanes.right - x - 40, 3]);
    parts.push(words(look, x, y + 12, sign), ...lines.parts);
    y = lines.below + 3;
  }
  return { parts, below: y };
}

/** What stands in no service: targets that nobody owns, findings about the whole, squads without a part. */
function restStrips(
  { targets: { targets } }: Engagement,
  findings: readonly PlacedFinding[],
  idle: readonly string[],
  lanes: Lanes,
): Strip[] {
  const open = findings.filter(({ service }) => service === null);
  const nobodys = open.flatMap(({ finding, target }) =>
    finding.code === 'uncovered-target' && target !== null ? [target] : [],
  );
  const width = lanes.right - MARGIN;
  const strip = (id: string, title: string, sentences: readonly string[]) => {
    const parts: Part[] = [
      box(id === 'nobodys' ? 'strip-gap' : 'strip-quiet', MARGIN, 4, width, 24, 2),
      words(id === 'nobodys' ? 'letter-gap' : 'label', MARGIN + 10, 20.5, title),
    ];
    return { id, title, sentences, parts };
  };
  const strips: Strip[] = [];
  if (nobodys.length > 0) {
    const { parts, ...said } = strip(
      'nobodys',
      "▲ Nobody's: no service covers these, so nobody may ask and nobody answers",
      nobodys.map(name => `Gap: no service covers ${name}.`),
    );
    const chips = chipsOf(nobodys, targets, [MARGIN, 38], width);
    const marks = numbered(open.filter(({ finding }) => finding.code === 'uncovered-target'));
    const notes = notesOf(marks, [MARGIN, chips.below + 4], lanes);
    strips.push({ ...said, height: notes.below + 12, parts: [...parts, ...chips.parts, ...notes.parts] });
  }
  const others = open.filter(({ finding }) => finding.code !== 'uncovered-target');
  if (others.length > 0 || idle.length > 0) {
    const unused = `No part in any activity: ${idle.join(', ')}`;
    const { parts, ...said } = strip('whole', 'About the whole', [
      ...others.map(({ finding }) => gapSentence(finding)),
      ...(idle.length > 0 ? [unused] : []),
    ]);
    const notes = notesOf(numbered(others), [MARGIN, 34], lanes);
    const last = written('quiet', idle.length > 0 ? unused : '', [MARGIN, notes.below + 2], [width, 6]);
    strips.push({ ...said, height: last.below + 12, parts: [...parts, ...notes.parts, ...last.parts] });
  }
  return strips;
}

const CHIP_ROWS = 7;

/** A box for each target, with what it is. */
function chipsOf(
  names: readonly string[],
  targets: Engagement['targets']['targets'],
  [left, top]: readonly [number, number],
  width: number,
) {
  const each = 208;
  const across = Math.max(1, Math.floor((width + 10) / (each + 10)));
  const shown = names.slice(0, across * CHIP_ROWS);
  const low = top + Math.ceil(shown.length / across) * 46;
  const more = names.length - shown.length;
  const parts = shown.flatMap((name, at): Part[] => {
    const x = left + (at % across) * (each + 10);
    const y = top + Math.floor(at / across) * 46;
    return [
      box('box-gap', x, y, each, 38, 2),
      ...written('gap', name, [x + 10, y + 4], [each - 20, 1]).parts,
      ...written('quiet', targets[name]?.label ?? 'no label', [x + 10, y + 19], [each - 20, 1]).parts,
    ];
  });
  return more === 0
    ? { parts, below: low }
    : { parts: [...parts, words('gap', left, low + 12, `and ${more} more`)], below: low + 20 };
}
