import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { counter, exposition, gauge, histogram } from '../../src/vitals/exposition.ts';
import { Counter, Histogram } from '../../src/vitals/instruments.ts';
import { readExposition, sampled } from './strict-exposition.ts';

describe('numbers as Prometheus reads them', () => {
  it('says what each number is before the first of it', () => {
    expect(exposition([gauge('sallyport_ready', 'Ready.', [{ value: 1 }])])).toBe(
      '# HELP sallyport_ready Ready.\n# TYPE sallyport_ready gauge\nsallyport_ready 1\n',
    );
  });

  it('leaves out what is not known: nothing is not zero', () => {
    expect(exposition([gauge('a', 'A.', []), gauge('b', 'B.', [{ value: 0 }])])).toBe(
      '# HELP b B.\n# TYPE b gauge\nb 0\n',
    );
  });

  it.each([
    ['infinity', Number.POSITIVE_INFINITY, '+Inf'],
    ['less than that', Number.NEGATIVE_INFINITY, '-Inf'],
    ['no number', Number.NaN, 'NaN'],
    ['a very small one', 1e-9, '1e-9'],
  ])('writes %s as the format has it', (_, value, text) => {
    expect(exposition([gauge('a', 'A.', [{ value }])])).toContain(`\na ${text}\n`);
  });

  it('is read back as it was meant, whatever stands in a label', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), fc.double(), (tenant, help, value) => {
        const read = readExposition(exposition([gauge('a', help, [{ labels: { tenant }, value }])]));
        expect(read.get('a')?.help).toBe(help);
        expect(read.get('a')?.samples).toEqual([
          { name: 'a', labels: { tenant }, value: Object.is(value, -0) ? 0 : value },
        ]);
      }),
    );
  });

  it('adds up histograms so that each bucket holds the ones below', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 100, noNaN: true })), values => {
        const times = new Histogram([0.1, 1, 10]);
        for (const value of values) times.observe(value);
        const read = readExposition(exposition([histogram('t', 'T.', times)]));
        for (const bound of [0.1, 1, 10]) {
          const below = values.filter(value => value <= bound).length;
          expect(sampled(read, 't_bucket', { le: String(bound) })).toBe(below);
        }
        expect(sampled(read, 't_count')).toBe(values.length);
      }),
    );
  });

  it('counts apart what has other labels', () => {
    const requests = new Counter();
    requests.add({ class: 'api' });
    requests.add({ class: 'api' }, 2);
    requests.add({ class: 'pages' });
    const read = readExposition(exposition([counter('r_total', 'R.', requests.samples)]));
    expect(sampled(read, 'r_total', { class: 'api' })).toBe(3);
    expect(sampled(read, 'r_total', { class: 'pages' })).toBe(1);
  });

  it.each([
    ['a sample before its type', 'a 1\n'],
    ['a type without help', '# TYPE a gauge\na 1\n'],
    ['the same labels twice', '# HELP a A.\n# TYPE a gauge\na 1\na 2\n'],
    ['no end of the last line', '# HELP a A.\n# TYPE a gauge\na 1'],
    ['an escape that is none', '# HELP a A.\n# TYPE a gauge\na{b="\\x"} 1\n'],
  ])('the reader of these tests refuses %s', (_, text) => {
    expect(() => readExposition(text)).toThrow();
  });
});
