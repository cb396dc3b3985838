import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type Init, initAction } from '../../src/cli/matrix/init.ts';
import { cellsOf } from '../../src/domain/cell.ts';
import { checkEngagement } from '../../src/matrices/check.ts';
import { findLibrary } from '../../src/matrices/library.ts';
import { type Reading, readEngagement, readTexts, tenantFolders } from '../../src/matrices/read.ts';
import { filledTemplate, TEMPLATE_NAMES, wrongAnswer } from '../../src/matrices/template.ts';
import { testEngagement } from '../../src/matrices/test.ts';

const NOW = Date.UTC(2026, 10, 24, 15);
const room = mkdtempSync(join(tmpdir(), 'sallyport-templates-'));
afterAll(() => rmSync(room, { recursive: true }));
const policies = join(room, 'policies');

const init = (dir: string | undefined, options: Partial<Init> = {}) =>
  initAction(dir, { policies, now: NOW, template: 'smb', timezone: 'America/New_York', ...options });

const answers = { tenant: 'acme', timezone: 'America/New_York', reviewBy: '2027-02-23' };

function sound(reading: Reading) {
  if (!reading.ok) throw new Error(JSON.stringify(reading.problems));
  return reading;
}

describe.each(TEMPLATE_NAMES)('%s', name => {
  const reading = sound(readTexts('acme', filledTemplate(name, answers, false)));
  const { engagement, expectations } = reading;

  it('passes its own check, with nothing to explain', () => {
    expect(checkEngagement(reading, NOW)).toEqual([]);
  });

  it('answers as its own expectations want', () => {
    const outcomes = testEngagement(engagement, expectations!, NOW);
    expect(outcomes.length).toBeGreaterThan(10);
    expect(outcomes.filter(({ differences }) => differences.length > 0)).toEqual([]);
  });

  it('has a secondary in every cell, another squad than A', () => {
    const cells = cellsOf(engagement);
    expect(cells.length).toBeGreaterThan(30);
    expect(cells.filter(({ activity }) => !activity.A2 || activity.A2 === activity.A)).toEqual([]);
  });

  it('splits the work as it is usually split', () => {
    const side = (service: string) =>
      new Set(
        Object.values(engagement.matrix.services[service]!.activities).flatMap(({ R }) =>
          R.map(squad => squad.split('/')[0]),
        ),
      );
    for (const service of ['monitoring', 'backups', 'patching', 'support', 'network'])
      expect(side(service)).toEqual(new Set(['msp']));
    for (const service of ['applications', 'accounts', 'governance'])
      expect(side(service)).toEqual(new Set(['client']));
    for (const service of ['patch-testing', 'inventory', 'change-control'])
      expect(side(service)).toEqual(new Set(['msp', 'client']));
    expect(Object.keys(engagement.matrix.services['incident-response']!.activities)).toHaveLength(5);
  });

  it('has an owner on the client’s side for all that gives access', () => {
    const giving = cellsOf(engagement).filter(({ activity }) => activity.gives);
    expect(giving.map(({ activity }) => activity.A.split('/')[0])).toEqual(giving.map(() => 'client'));
  });

  it('gives nothing by omission: what a login may do over ssh is written out', () => {
    const short = cellsOf(engagement).filter(({ activity }) => Array.isArray(activity.gives?.ssh));
    expect(short).toEqual([]);
  });

  it('cites controls of its own regulation, in each form that has a meaning there', () => {
    const cited = cellsOf(engagement).flatMap(({ activity }) => activity.controls ?? []);
    const form = {
      smb: /^CIS ([1-9]|1[0-8])\.\d{1,2}$/,
      // 164.308 to 164.316 are the Security Rule, 164.400 to 164.414 breach notification.
      hipaa:
        /^45 CFR 164\.(308|310|312|314|316|402|404|406|408|410|414)(\([a-z]\)(\(\d\)(\([ivx]+\)(\([A-F]\))?)?)?)?$/,
      nydfs: /^23 NYCRR 500\.([2-9]|1[0-7])(\([a-e]\)(\(\d\))?)?$/,
    }[name];
    expect(cited.length).toBeGreaterThan(25);
    expect(cited.filter(control => !form.test(control))).toEqual([]);
  });

  it('written out in full it is the same matrix without the library', () => {
    const texts = filledTemplate(name, answers, true);
    const full = sound(readTexts('acme', texts));
    const { extends: library, ...alone } = engagement.matrix;
    expect(library).toBe(`${name}@1`);
    expect(full.engagement.matrix).toEqual(alone);
    expect(texts.matrix).not.toMatch(/^extends|What you write below/m);
    expect(texts.matrix).toContain(findLibrary(`${name}@1`)!.text);
  });

  it('stands in the repository as a folder that reads by itself', () => {
    expect(sound(readEngagement(`templates/${name}`)).engagement.tenant).toBe(name);
  });
});

describe('deadlines of the law', () => {
  const labels = (name: 'hipaa' | 'nydfs') =>
    JSON.stringify(
      sound(readTexts('acme', filledTemplate(name, answers, false))).engagement.matrix.services[
        'breach-notification'
      ],
    );

  it.each([
    ['nydfs', '72 hours', '500.17(a)(1)'],
    ['nydfs', '24 hours', '500.17(c)'],
    ['hipaa', '60 days', '164.404'],
    ['hipaa', '60 days', '164.410'],
  ] as const)('%s: %s, %s', (name, deadline, control) => {
    expect(labels(name)).toContain(deadline);
    expect(labels(name)).toContain(control);
  });
});

describe('answers', () => {
  it('come out as they went in, whatever they are, and break no YAML', () => {
    const name = fc
      .oneof(
        fc.string({ minLength: 1, maxLength: 100, unit: 'grapheme' }),
        fc.constantFrom(
          'null',
          'true',
          '12',
          '1e3',
          '- a',
          'a: b',
          'a # b',
          '"',
          "'",
          '{{x}}',
          '*a',
          '&a b',
          '!!str',
          '%TAG',
          '$&',
          '$1',
          'a\\n',
          '---',
          '...',
          '| ',
          'O’Neil',
        ),
      )
      .map(text => text.trim());
    fc.assert(
      fc.property(name, name, (msp, client) => {
        const given = { ...answers, msp, client };
        if (wrongAnswer(given)) return;
        const matrix = parse(filledTemplate('smb', given, false).matrix) as {
          parties: Record<string, { name: string }>;
        };
        expect(matrix.parties.msp!.name).toBe(msp);
        expect(matrix.parties.client!.name).toBe(client);
      }),
      { numRuns: 30 },
    );
  });

  it.each([
    ['a tenant that is a path', { tenant: '../acme' }, /no tenant's name/],
    ['a tenant in capitals', { tenant: 'Acme' }, /no tenant's name/],
    ['the tenant of nobody', { tenant: 'instance' }, /no tenant's name/],
    ['a name of two lines', { tenant: 'acme', msp: 'a\nservices: {}' }, /--msp/],
    ['an empty name', { tenant: 'acme', client: ' ' }, /--client/],
    ['a name that reorders itself', { tenant: 'acme', client: 'a\u202eb' }, /--client/],
    ['an issuer without TLS', { tenant: 'acme', mspIssuer: 'http://login.example' }, /--msp-issuer/],
    ['an issuer that runs', { tenant: 'acme', clientIssuer: 'javascript:alert(1)' }, /--client-issuer/],
    [
      'one issuer for both',
      { tenant: 'acme', mspIssuer: 'https://a.example', clientIssuer: 'https://a.example' },
      /both parties have this issuer/,
    ],
    ['no time zone', { tenant: 'acme', timezone: 'Mars/Olympus' }, /--timezone/],
    ['no template', { tenant: 'acme', template: 'hippa' }, /Did you mean hipaa\?/],
    ['nobody', {}, /--tenant NAME/],
  ])('%s is refused, and nothing is written', (_, options, why) => {
    const { code, err } = init(undefined, options);
    expect(code).toBe(2);
    expect(err).toMatch(why);
    expect(existsSync(policies)).toBe(false);
  });
});

describe('matrix init', () => {
  it('writes a folder that is read under its tenant’s name, and says what to do next', () => {
    const { code, out } = init(undefined, {
      tenant: 'acme',
      template: 'hipaa',
      mspIssuer: 'http://127.0.0.1:4001',
    });
    expect(code).toBe(0);
    const folder = join(policies, 'acme');
    expect(readdirSync(folder).sort()).toEqual(['expectations.yaml', 'matrix.yaml', 'targets.yaml']);
    expect(statSync(folder).mode & 0o777).toBe(0o755);
    const { engagement } = sound(readEngagement(folder));
    expect(engagement.matrix.parties.msp.issuer).toBe('http://127.0.0.1:4001');
    expect(engagement.matrix.review_by).toBe('2027-02-23');
    for (const next of ["the client's issuer", 'matrix check', 'matrix test', 'hipaa@1'])
      expect(out).toContain(next);
    expect(out).not.toContain("the MSP's issuer");
    expect(out.split('\n').filter(line => line.length > 80 && !line.includes(room))).toEqual([]);
    const text = readFileSync(join(folder, 'matrix.yaml'), 'utf8');
    expect(text.split('\n').filter(line => /issuer:.*CHANGE/.test(line))).toHaveLength(1);
    expect(readdirSync(policies)).toEqual(['acme']);
  });

  it('leaves alone what is there', () => {
    const folder = join(policies, 'there');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'mine.txt'), 'mine');
    expect(init(folder).err).toMatch(/is there already; nothing was written/);
    expect(readdirSync(folder)).toEqual(['mine.txt']);
    expect(init(join(folder, 'mine.txt')).code).toBe(2);
  });

  it('takes the tenant’s name from the folder, and says when it will not be served under another', () => {
    expect(init(join(room, 'globex')).out).not.toContain('To be served');
    expect(sound(readEngagement(join(room, 'globex'))).engagement.tenant).toBe('globex');
    expect(init(join(room, 'review'), { tenant: 'globex' }).out).toContain(
      'the folder must be called globex',
    );
  });

  it('for a script', () => {
    const folder = join(room, 'initech');
    const { code, out } = init(folder, { json: true, full: true });
    expect([code, JSON.parse(out)]).toEqual([
      0,
      {
        tenant: 'initech',
        folder,
        files: ['matrix', 'targets', 'expectations'].map(file => join(folder, `${file}.yaml`)),
        template: 'smb',
        extends: null,
      },
    ]);
  });
});

describe('where they live', () => {
  it('is no folder of tenants: a broker of this checkout serves none of them', () => {
    expect(tenantFolders('policies').map(folder => basename(folder))).toEqual(['acme']);
  });
});
