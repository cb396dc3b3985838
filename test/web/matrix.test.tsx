import { describe, expect, it } from 'vitest';
import type { Engagement } from '../../src/domain/engagement.ts';
import { placedFindings } from '../../src/matrices/placed-findings.ts';
import { Grid } from '../../src/web/matrix/grid.tsx';
import { Version } from '../../src/web/matrix/version.tsx';
import { everybody, engagement as make, NOON } from '../domain/fixture.ts';
import { large } from '../matrices/large.ts';

const directory = {
  people: [],
  byHandle: (name: string) => ({ name, party: null, unseen: false }),
  byId: () => null,
};
const shownOf = (engagement: Engagement) => ({
  engagement,
  people: everybody,
  directory,
  findings: placedFindings(engagement, NOON),
});
const gridOf = (engagement: Engagement): string => (<Grid {...shownOf(engagement)} />).toString();

/** The rows as texts: the activity, then what stands under each squad. */
function rowsOf(html: string): string[][] {
  const words = (cell: string) =>
    cell
      .replace(/<span class="(?:word|whose)">[^<]*<\/span>/g, '')
      .replace(/<[^>]+>/g, ' ')
      .replace(/\s+/g, ' ')
      .trim();
  return [...html.matchAll(/<tr><th scope="row">(.*?)<\/th>(.*?)<\/tr>/g)].map(([, name, cells]) => [
    words(name!),
    ...[...cells!.matchAll(/<td[^>]*>(.*?)<\/td>/g)].map(([, cell]) => words(cell!)),
  ]);
}

describe('the grid', () => {
  const cases: [string, Parameters<typeof make>[0], string[][]][] = [
    ['who asks, answers, and answers in their place', {}, [['fix', 'R', '', 'A', 'A2', '']]],
    [
      'who is consulted and who is told',
      { row: { C: ['client/chief'], I: ['msp/night', 'client/empty'] } },
      [['fix', 'R', 'I', 'A', 'A2 C', 'I']],
    ],
    [
      'a squad that is several things at once',
      { row: { R: ['client/it', 'msp/ops'], I: ['client/it'] } },
      [['fix', 'R', '', 'R A I', 'A2', '']],
    ],
    [
      'what opens at once, and what is amiss',
      { row: { label: 'Mend it', answer: 'pre-approved', A2: 'client/it' } },
      [['Mend it opens at once ▲ gap: no secondary', 'R', '', 'A A2', '', '']],
    ],
  ];
  it.each(cases)('shows %s', (_, bend, rows) => {
    expect(rowsOf(gridOf(make(bend)))).toEqual(rows);
  });

  it('leads from each row to its cell, and says how many are in a squad', () => {
    const page = (<Version {...shownOf(make())} />).toString();
    expect(page).toContain('<a href="#data/fix">');
    expect(page).toContain('id="data/fix"');
    expect(page).toMatch(/ops<small>2 people<\/small>/);
    expect(page).toMatch(/chief<small>1 person<\/small>/);
    expect(page).toMatch(/empty<small>nobody yet<\/small>/);
    expect(page).toContain('<code>uncovered-target</code>');
  });

  it('has a row for every activity, however many', () => {
    const html = gridOf(large());
    expect(rowsOf(html)).toHaveLength(60);
    expect(html).toContain('class="raci-grid upright"');
  });

  it('shows what people wrote as words', () => {
    const evil = '<img src=x onerror=alert(1)>\u202e';
    const html = (
      <Version
        {...shownOf(
          make({
            row: {
              label: evil,
              when: { severity: evil },
              exceptions: [{ name: evil, when: { severity: evil } }],
            },
            targets: { db: { label: evil, labels: { service: evil } } },
            rules: [{ name: evil, when: { severity: evil }, require: { ticket: 'required' } }],
          }),
        )}
      />
    ).toString();
    expect(html).not.toMatch(/<img|\u202e/);
    expect(html).toContain('&lt;img src=x onerror=alert(1)&gt;‹U+202E›');
  });
});
