import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Drawn, swimlaneAction } from '../../src/cli/matrix/swimlane.ts';
import { cellsOf } from '../../src/domain/cell.ts';
import type { Engagement } from '../../src/domain/engagement.ts';
import type { Activity } from '../../src/domain/matrix.ts';
import { placedFindings } from '../../src/matrices/placed-findings.ts';
import { readEngagement } from '../../src/matrices/read.ts';
import { drawingOf, sheetsOf, stripDrawing } from '../../src/matrices/swimlane/drawing.ts';
import { fitted, textWidth } from '../../src/matrices/swimlane/fit.ts';
import { everySquad } from '../../src/matrices/swimlane/lanes.ts';
import { layoutOf } from '../../src/matrices/swimlane/layout.ts';
import { DARK, LIGHT } from '../../src/matrices/swimlane/paint.ts';
import type { Part } from '../../src/matrices/swimlane/parts.ts';
import { startBrowser } from '../demo/browser.ts';
import { type Bend, engagement, NOON } from '../domain/fixture.ts';
import { large } from './large.ts';

const reading = readEngagement('policies/acme');
if (!reading.ok) throw new Error('the example does not load');
const acme = reading.engagement;

/** Everything that a matrix may hold as free text, as somebody would write it who wants to break the drawing. */
const EVIL =
  '</text></svg><script>alert(1)</script>"\'&<img src=x onerror=alert(1)>]]><!--\u202egpj\u0007\ud800 Dаna';
const hostile = engagement({
  row: {
    label: EVIL,
    when: { severity: [EVIL] },
    exceptions: [{ name: EVIL, when: { severity: EVIL }, answer: 'pre-approved' }],
    handback: [EVIL],
  },
  targets: {
    db: { labels: { service: 'data', [EVIL]: EVIL } },
    bare: { label: EVIL, labels: { [EVIL]: EVIL } },
  },
  matrix: { version: EVIL, change: EVIL, review_by: '2020-01-01' },
});

const layoutAt = (of: Engagement, only: string | null = null) => layoutOf(of, placedFindings(of, NOON), only);
const drawn = (of: Engagement, only: string | null = null) => drawingOf(layoutAt(of, only));

const flat = (parts: readonly Part[]): Part[] =>
  parts.flatMap(part => (part.kind === 'group' ? flat(part.parts) : [part]));
const partsOf = (of: Engagement): Part[] => layoutAt(of).strips.flatMap(({ parts }) => flat(parts));
/** The looks that are drawn below the legend. */
const looksOf = (of: Engagement): string[] =>
  layoutAt(of)
    .strips.filter(({ id }) => id !== 'head')
    .flatMap(({ parts }) => flat(parts))
    .flatMap(part => ('look' in part ? [part.look] : []));

let browser: Browser;
let page: Page;
beforeAll(async () => {
  browser = await startBrowser();
  page = await browser.newPage();
});
afterAll(() => browser?.close());

/** What a real parser makes of it, as XML. */
const parsed = (text: string) =>
  page.evaluate(source => {
    const document = new DOMParser().parseFromString(source, 'image/svg+xml');
    const all = [...document.querySelectorAll('*')];
    return {
      broken: document.querySelector('parsererror')?.textContent ?? null,
      root: document.documentElement.localName,
      elements: [...new Set(all.map(one => one.localName))].sort(),
      attributes: [...new Set(all.flatMap(one => one.getAttributeNames()))].sort(),
      text: document.documentElement.textContent ?? '',
    };
  }, text);

const KNOWN_ELEMENTS = ['desc', 'g', 'path', 'rect', 'style', 'svg', 'text', 'title'];

describe('the drawing of', () => {
  const matrices: [string, Engagement][] = [
    ['the example', acme],
    ['sixty activities by sixteen squads', large()],
    ['a matrix that wants to break it', hostile],
  ];

  it.each(matrices)('%s is well-formed and asks for nothing from anywhere', async (_, of) => {
    const svg = drawn(of);
    const { broken, root, elements, attributes } = await parsed(svg);
    expect({ broken, root }).toEqual({ broken: null, root: 'svg' });
    expect(elements.filter(name => !KNOWN_ELEMENTS.includes(name))).toEqual([]);
    expect(attributes.filter(name => /^on|href|src|^style$/i.test(name))).toEqual([]);
    expect(svg.replace('xmlns="http://www.w3.org/2000/svg"', '')).not.toMatch(/<[^>]*https?:|url\(|@import/);
    expect(svg).toContain('role="img" aria-labelledby="swimlane-title" aria-describedby="swimlane-desc"');
  });

  it.each(matrices)('%s names every activity and every squad', async (_, of) => {
    const { text } = await parsed(drawn(of));
    for (const { id } of cellsOf(of)) expect(text).toContain(id);
    for (const squad of everySquad(of)) expect(text).toContain(squad);
  });

  it.each(matrices)('%s is the same bytes each time', (_, of) => {
    expect(drawn(structuredClone(of))).toBe(drawn(of));
  });

  it.each(matrices)('%s stays on its sheet, and each strip is itself a picture', async (_, of) => {
    const layout = layoutAt(of);
    for (const strip of layout.strips) {
      for (const part of flat(strip.parts)) {
        const points =
          part.kind === 'box'
            ? [
                [part.x, part.y],
                [part.x + part.width, part.y + part.height],
              ]
            : part.kind === 'path'
              ? part.points
              : part.kind === 'text'
                ? [[part.x, part.y]]
                : [];
        for (const [x, y] of points) {
          expect(x! >= 0 && x! <= layout.width && y! >= 0 && y! <= strip.height, JSON.stringify(part)).toBe(
            true,
          );
        }
      }
      expect((await parsed(stripDrawing(layout.width, strip))).broken).toBeNull();
    }
    const ids = layout.strips.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('a matrix that wants to break it shows its words as words', async () => {
    const svg = drawn(hostile);
    expect(svg).not.toMatch(/<script|<img|<!--|[\u202a-\u202e\u0000-\u0008\ud800-\udfff]/);
    const { text } = await parsed(svg);
    expect(text).toContain('</text></svg><script>alert(1)</script>');
    expect(text).toContain('‹U+202E›');
    expect(text).toContain('‹mixed scripts: Latin + Cyrillic›');
  });
});

describe('what leads where', () => {
  const cases: [string, Partial<Activity>, { drawn?: string[]; not?: string[] }][] = [
    [
      'a question goes to the owner of the other party',
      {},
      { drawn: ['ask', 'head-ask', 'handoff', 'own-client', 'next'] },
    ],
    [
      'a question within one party hands nothing over',
      { R: ['client/it'] },
      { drawn: ['ask'], not: ['handoff'] },
    ],
    ['advice comes before', { C: ['client/chief'] }, { drawn: ['advise', 'head-advise', 'hear-client'] }],
    ['a squad that asks needs no line to advise itself', { C: ['msp/ops'] }, { not: ['advise'] }],
    ['who is told after', { I: ['msp/night'] }, { drawn: ['tell', 'hear-msp'], not: ['escalate'] }],
    [
      'who is told when nobody answered',
      { escalate: ['client/chief'] },
      { drawn: ['escalate', 'box-escalate'] },
    ],
    ['a checklist closes it', { handback: ['All is well'] }, { drawn: ['hear-msp'] }],
    [
      'nobody is asked beforehand, so nothing escalates',
      { answer: 'pre-approved', escalate: ['client/chief'] },
      { drawn: ['act-client'], not: ['ask', 'next', 'own-client', 'escalate', 'handoff'] },
    ],
    ['a second yes is asked for', { co_approve: ['client/chief'] }, { drawn: ['ask', 'act-client'] }],
  ];
  it.each(cases)('%s', (_, row, { drawn: wanted = [], not = [] }) => {
    const looks = looksOf(engagement({ row }));
    expect(looks).toEqual(expect.arrayContaining(wanted));
    expect(looks.filter(look => not.includes(look))).toEqual([]);
  });

  it('every kind of line has a stroke of its own, so that none is told by its colour alone', () => {
    const svg = drawn(large());
    const stroke = (look: string) =>
      new RegExp(
        `class="s-${look}" fill="none" stroke="#\\w+" (stroke-width="[^"]+"(?: stroke-dasharray="[^"]+")?)`,
      ).exec(svg)?.[1];
    const strokes = ['ask', 'next', 'advise', 'tell', 'escalate'].map(stroke);
    expect(strokes).not.toContain(undefined);
    expect(new Set(strokes).size).toBe(strokes.length);
  });
});

describe('gaps are marked', () => {
  const noSecond: Bend = { activities: { fix: { R: ['msp/ops'], A: 'client/it' } } };
  const cases: [string, Bend, { strip: string; says: string[] }][] = [
    ['no secondary', noSecond, { strip: 'service-data', says: ['▲1', 'no A2', 'data/fix has no secondary'] }],
    [
      'a target that no service covers',
      { targets: { bare: { label: 'Old file server', labels: { site: 'x' } } } },
      { strip: 'nobodys', says: ['bare', 'Old file server', 'Nobody', 'no service covers bare'] },
    ],
    [
      'the review is due',
      { matrix: { review_by: '2020-01-01' } },
      { strip: 'whole', says: ['△1', 'Warning: the review was due on 2020-01-01'] },
    ],
    ['a squad without a part', {}, { strip: 'whole', says: ['client/empty', 'msp/night'] }],
  ];
  it.each(cases)('%s', (_, bend, { strip: id, says }) => {
    const strip = layoutAt(engagement(bend)).strips.find(one => one.id === id);
    const texts = flat(strip!.parts).flatMap(part => (part.kind === 'text' ? [part.text] : []));
    for (const text of says) expect(texts.join(' ')).toContain(text);
  });

  it('nothing is marked where nothing was found', () => {
    const parts = layoutOf(engagement(), [])
      .strips.slice(1)
      .flatMap(strip => flat(strip.parts));
    expect(parts.filter(part => 'look' in part && /gap/.test(part.look))).toEqual([]);
  });

  it('a finding is placed by what it is about', () => {
    const bend = engagement({ ...noSecond, matrix: { review_by: '2020-01-01' } });
    expect(placedFindings(bend, NOON).map(({ finding, ...place }) => [finding.code, place])).toEqual(
      expect.arrayContaining([
        ['uncovered-target', { cell: null, service: null, target: 'bare' }],
        ['no-secondary', { cell: 'data/fix', service: 'data', target: null }],
        ['review-overdue', { cell: null, service: null, target: null }],
      ]),
    );
  });
});

describe('one service alone', () => {
  it('has the lanes that take part in it, and no others', async () => {
    const { text } = await parsed(drawn(acme, 'endpoints'));
    expect(text).toContain('endpoints/patch');
    expect(text).not.toContain('backups/restore');
    expect(text).toContain('client/app-owner');
    expect(text).not.toContain('client/legal');
  });
});

describe('what must fit', () => {
  it('fits, whatever is written', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 200 }),
        fc.integer({ min: 30, max: 300 }),
        fc.integer({ min: 1, max: 4 }),
        (text, width, lines) => {
          const found = fitted(text, { width, size: 11, lines });
          expect(found.length).toBeLessThanOrEqual(lines);
          for (const line of found) expect(textWidth(line, 11)).toBeLessThanOrEqual(width);
        },
      ),
    );
  });

  it('is broken where a reader would, and says where something was left out', () => {
    const room = { width: 90, size: 11, lines: 2 };
    expect(fitted('clinical-systems', { ...room, width: 60 })).toEqual(['clinical-', 'systems']);
    expect(fitted('one two three four five six seven eight', room).at(-1)).toMatch(/…$/);
    expect(fitted('   ', room)).toEqual([]);
  });
});

describe('colours', () => {
  it('are those of the pages', () => {
    const css = readFileSync('src/web/style/base.css', 'utf8');
    const [light, dark] = [...css.matchAll(/:root \{([^}]*)\}/g)].map(match => match[1]!);
    for (const [name, value] of Object.entries(LIGHT)) {
      const pages = { paper: 'on-ink', quiet: 'ended', 'quiet-soft': 'ended-soft' }[name] ?? name;
      const long = light!.match(new RegExp(`--${pages}: (#\\w+);`))![1]!;
      expect([name, value]).toEqual([name, long.length === 4 ? long.replace(/\w/g, '$&$&') : long]);
      if (name !== 'paper') expect(dark).toContain(`--${pages}: ${DARK[name as keyof typeof DARK]};`);
    }
  });

  it('follow the reader, and are light on paper', async () => {
    const look = async (media: 'screen' | 'print', colorScheme: 'light' | 'dark') => {
      await page.emulateMedia({ media, colorScheme });
      return page.evaluate(() => getComputedStyle(document.querySelector('.s-paper')!).fill);
    };
    await page.setContent(
      sheetsOf(layoutAt(engagement({ row: { exceptions: [{ name: 'x', when: { severity: 'sev1' } }] } }))),
    );
    expect(await look('screen', 'light')).toBe('rgb(255, 255, 255)');
    expect(await look('screen', 'dark')).toBe('rgb(19, 22, 30)');
    expect(await look('print', 'dark')).toBe('rgb(255, 255, 255)');
  });

  it('breaks sheets between services, on both kinds of paper', async () => {
    // One service without end and targets without an owner: nothing of it may be higher than a sheet.
    const targets = Object.fromEntries(
      Array.from({ length: 300 }, (_, at) => [`lost${at}`, { labels: { site: `x${at}` } }]),
    );
    const activities = Object.fromEntries(
      Array.from({ length: 40 }, (_, at): [string, Activity] => [
        `a${at}`,
        { R: ['msp/ops'], A: 'client/it' },
      ]),
    );
    const layouts = [layoutAt(large()), layoutAt(engagement({ activities, targets }))];
    await page.setContent(layouts.map(sheetsOf).join(''));
    await page.emulateMedia({ media: 'print' });
    for (const [width, height] of [
      [277, 190],
      [259.4, 195.9],
    ] as const) {
      await page.setViewportSize({ width: Math.round((width / 25.4) * 96), height: 800 });
      const tallest = await page.evaluate(() =>
        Math.max(...[...document.querySelectorAll('svg')].map(one => one.getBoundingClientRect().height)),
      );
      expect(tallest).toBeLessThanOrEqual((height / 25.4) * 96);
    }
  });
});

describe('matrix swimlane', () => {
  const room = mkdtempSync(join(tmpdir(), 'sallyport-lanes-'));
  afterAll(() => rmSync(room, { recursive: true }));
  const run = (options: Partial<Drawn> = {}) =>
    swimlaneAction('policies/acme', { policies: './policies', now: NOON, ...options });

  it('says the drawing, or writes it to a file', () => {
    expect(run()).toEqual({ code: 0, out: drawn(acme), err: '' });
    const output = join(room, 'acme.svg');
    expect(run({ output })).toMatchObject({ code: 0, out: '' });
    expect(readFileSync(output, 'utf8')).toBe(drawn(acme));
  });

  it('writes sheets to print under a name that ends in .html', () => {
    const output = join(room, 'acme.html');
    expect(run({ output, json: true })).toMatchObject({ code: 0 });
    expect(readFileSync(output, 'utf8')).toMatch(/^<!doctype html>[\s\S]*@page\{size:landscape/);
  });

  it.each<[string, Partial<Drawn>, RegExp]>([
    ['a service that is not there', { service: 'backup' }, /no such service.*Did you mean backups\?/],
    ['a name that is no service of the matrix', { service: 'constructor' }, /no such service/],
    ['a tenant that is not there', { tenant: 'nobody' }, /no tenant "nobody"/],
    ['a clock that is no time', { at: 'soon' }, /--at soon/],
    [
      'a file that cannot be written',
      { output: join(room, 'not', 'there.svg') },
      /cannot be written \(ENOENT\)/,
    ],
  ])('refuses %s', (_, options, message) => {
    const said = run(options);
    expect(said).toMatchObject({ code: 2, out: '' });
    expect(said.err).toMatch(message);
    expect(existsSync(join(room, 'not'))).toBe(false);
  });
});

it('an engagement of one party and one squad is drawn too', async () => {
  expect(
    (await parsed(drawn(engagement({ row: { R: ['client/it'], A: 'client/it', A2: 'client/it' } })))).broken,
  ).toBeNull();
  expect(partsOf(engagement({ activities: {} })).length).toBeGreaterThan(0);
});
