import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { schemaAction } from '../../src/cli/matrix/schema.ts';
import { DOCUMENT_NAMES, type DocumentName, jsonSchemaOf } from '../../src/matrices/json-schema.ts';
import { readTexts } from '../../src/matrices/read.ts';

const ACME = Object.fromEntries(
  DOCUMENT_NAMES.map(name => [name, readFileSync(`policies/acme/${name}.yaml`, 'utf8')]),
) as Record<DocumentName, string>;

const ajv = new Ajv2020({ allErrors: true, strict: true, strictRequired: false, strictTypes: false });
const validators = Object.fromEntries(
  DOCUMENT_NAMES.map(name => [name, ajv.compile(JSON.parse(jsonSchemaOf(name)))]),
) as Record<DocumentName, ReturnType<typeof ajv.compile>>;

/** What an editor underlines in a text of a file, as the paths of it. */
function underlined(name: DocumentName, text: string): string[] {
  const validate = validators[name];
  return validate(parse(text)) ? [] : [...new Set((validate.errors ?? []).map(error => error.instancePath))];
}

/** What the reader says to Acme with one file changed. */
function refused(name: DocumentName, text: string): number {
  const texts: Record<DocumentName, string> = { ...ACME };
  texts[name] = text;
  const reading = readTexts('acme', texts);
  return reading.ok ? 0 : reading.problems.length;
}

type Row = [string, DocumentName, string, string];

describe.each(DOCUMENT_NAMES)('the schema of %s.yaml', name => {
  it('is the one that is committed', () => {
    const how = `sallyport matrix schema ${name} > schemas/${name}.schema.json`;
    expect(readFileSync(`schemas/${name}.schema.json`, 'utf8'), `write it anew: ${how}`).toBe(
      jsonSchemaOf(name),
    );
  });

  it('takes Acme as it is', () => {
    expect(underlined(name, ACME[name])).toEqual([]);
  });

  it('explains every key', () => {
    const silent: string[] = [];
    const look = (schema: Record<string, unknown>, path: string): void => {
      for (const [key, inside] of Object.entries(schema)) {
        if (typeof inside !== 'object' || inside === null) continue;
        if (key === 'properties') {
          for (const [property, value] of Object.entries(inside as Record<string, object>)) {
            const told = 'description' in value || 'const' in value || Object.keys(value)[0] === 'minItems';
            if (!told) silent.push(`${path}/${property}`);
            look(value as Record<string, unknown>, `${path}/${property}`);
          }
        } else look(inside as Record<string, unknown>, path);
      }
    };
    look(JSON.parse(jsonSchemaOf(name)), '');
    expect(silent).toEqual([]);
  });
});

const GIVES = 'gives: { ssh: [root, backup], postgres: [restore_operator] }';
const CALENDAR = 'patch-window:  { weekly: "Sun 01:00-05:00" }';

describe('what an editor underlines, the reader refuses', () => {
  it.each<Row>([
    ['an unknown key', 'matrix', '        answer_within: 15m', '        answer_witin: 15m'],
    ['a number for a version', 'matrix', 'version: "2026.11"', 'version: 2026.11'],
    ['another mode', 'matrix', 'timezone:', 'mode: watch\ntimezone:'],
    ['a date that is none', 'matrix', 'review_by: 2027-02-20', 'review_by: next year'],
    ['two in A', 'matrix', 'A: client/it\n', 'A: [client/it, client/ciso]\n'],
    ['no A', 'matrix', '        A: client/it\n', ''],
    ['a squad without a party', 'matrix', 'R: [msp/backup-ops]', 'R: [backup-ops]'],
    ['an empty R', 'matrix', 'R: [msp/backup-ops]', 'R: []'],
    ['access without a limit', 'matrix', '        for: 2h ', ''],
    ['a duration that is none', 'matrix', 'for: 2h ', 'for: two '],
    ['a link that is none', 'matrix', 'runbook: https://wiki', 'runbook: javascript:wiki'],
    ['an empty when', 'matrix', 'when: { during: patch-window }', 'when: {}'],
    [
      'who is not asked and must approve',
      'matrix',
      'ticket: required\n',
      'answer: pre-approved\n        co_approve: [client/ciso]\n',
    ],
    ['a squad of nobody', 'matrix', '{ group: noc }', '{ label: Nobody }'],
    ['a signature that is missing', 'matrix', 'sign:     [client/ciso, msp/account]', 'sign: [client/ciso]'],
    ['a lockout by the MSP', 'matrix', 'lockout:  [client/ciso, client/it]', 'lockout: [msp/noc]'],
    ['a long form without logins', 'matrix', GIVES, 'gives: { ssh: { exec: true } }'],
    ['a right that is none', 'matrix', GIVES, 'gives: { ssh: { logins: [root], sudo: true } }'],
    ['a right in words', 'matrix', GIVES, 'gives: { ssh: { logins: [root], exec: "always" } }'],
    ['a login with a colon', 'matrix', GIVES, 'gives: { ssh: ["root:x"] }'],
    ['windows that are none', 'matrix', CALENDAR, 'patch-window: { weekly: "Sun 1-5" }'],
    ['a begin without an end', 'matrix', CALENDAR, 'patch-window: { from: 2026-12-18T00:00 }'],
    ['a calendar that says nothing', 'matrix', CALENDAR, 'patch-window: { label: Patches }'],
    ['a day that is none', 'matrix', CALENDAR, 'patch-window: { dates: ["25.12."] }'],
    ['an exception of nothing', 'matrix', CALENDAR, 'patch-window: { except: [] }'],
    [
      'a rule that requires nothing',
      'matrix',
      'require: { parties: differ, ticket: required, record: always }',
      'require: {}',
    ],
    ['an address without a port', 'targets', /address: [\d.]+:\d+/.exec(ACME.targets)![0], 'address: db01'],
    ['another trust', 'targets', 'trust: ca', 'trust: me'],
    ['another answer', 'expectations', 'decision: refused', 'decision: maybe'],
    ['two protocols at once', 'expectations', 'ssh: root', 'ssh: root, web: root'],
  ])('%s', (_, name, from, to) => {
    const text = ACME[name].replace(from, to);
    expect(text).not.toBe(ACME[name]);
    expect(underlined(name, text)).not.toEqual([]);
    expect(refused(name, text)).toBeGreaterThan(0);
  });
});

describe('what only the reader can know, it leaves to it', () => {
  it.each<Row>([
    ['a squad that is nowhere', 'matrix', 'R: [msp/backup-ops]', 'R: [msp/backup-op]'],
    ['a calendar that is nowhere', 'matrix', 'during: patch-window', 'during: patch-windows'],
    ['a day that no month has', 'matrix', 'review_by: 2027-02-20', 'review_by: 2027-02-30'],
    ['a zone that is nowhere', 'matrix', 'America/New_York', 'America/Newyork'],
    ['a person that is nowhere', 'expectations', 'who: maya', 'who: maja'],
  ])('%s', (_, name, from, to) => {
    const text = ACME[name].replace(from, to);
    expect(text).not.toBe(ACME[name]);
    expect(underlined(name, text)).toEqual([]);
    expect(refused(name, text)).toBeGreaterThan(0);
  });
});

describe('what is new since Acme was written, both take', () => {
  it.each<Row>([
    ['a mode', 'matrix', 'timezone:', 'mode: observe\ntimezone:'],
    ['the long form', 'matrix', GIVES, 'gives: { ssh: { logins: [root], exec: true, transfer: false } }'],
    ['the long form, bare', 'matrix', GIVES, 'gives: { ssh: { logins: [root] } }'],
    [
      'a window without a freeze',
      'matrix',
      CALENDAR,
      'patch-window: { weekly: "Sun 01:00-05:00", except: [year-end] }',
    ],
    ['whole days', 'matrix', CALENDAR, 'patch-window: { dates: [2026-12-25, "2026-12-26"] }'],
    ['every hour but some', 'matrix', CALENDAR, 'patch-window: { except: [business, year-end] }'],
    [
      'a takeover, and controls',
      'matrix',
      '        for: 2h ',
      '        takeover: [Read the shift log]\n        controls: [HIPAA 164.312(a)(1)]\n        for: 2h ',
    ],
  ])('%s', (_, name, from, to) => {
    const text = ACME[name].replace(from, to);
    expect(text).not.toBe(ACME[name]);
    expect(underlined(name, text)).toEqual([]);
    expect(refused(name, text)).toBe(0);
  });
});

describe('docs/matrix.md', () => {
  const page = readFileSync('docs/matrix.md', 'utf8');
  const blocks = [...page.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, block]) => block!);

  it.each(DOCUMENT_NAMES)('names every key of %s.yaml', name => {
    const keys = new Set<string>();
    JSON.parse(jsonSchemaOf(name), (key, value) => {
      if (key === 'properties') for (const property of Object.keys(value)) keys.add(property);
      return value;
    });
    expect([...keys].filter(key => !new RegExp(`\\b${key}\\b`).test(page))).toEqual([]);
  });

  it.each(blocks.filter(block => !block.startsWith('#')).map(block => [block.split('\n')[0]!, block]))(
    'shows what is taken: %s',
    (_, block) => {
      const shown = parse(block);
      const [first] = Object.keys(shown);
      const home = DOCUMENT_NAMES.find(name => first! in JSON.parse(jsonSchemaOf(name)).properties);
      const acme = parse(ACME[home ?? 'matrix']);
      // What belongs to no file's top is a cell's.
      if (home) Object.assign(acme, shown);
      else Object.assign(acme.services.backups.activities.restore, shown);
      const validate = validators[home ?? 'matrix'];
      expect(validate(acme) ? [] : validate.errors).toEqual([]);
    },
  );
});

describe('sallyport matrix schema', () => {
  it.each<[string, 0 | 2, string]>([
    ['targets', 0, jsonSchemaOf('targets')],
    ['matrx', 2, 'sallyport: matrx: expected one of matrix, targets, expectations. Did you mean matrix?\n'],
  ])('%s', (asked, code, said) => {
    const { code: exit, out, err } = schemaAction(asked);
    expect([exit, out + err]).toEqual([code, said]);
  });
});
