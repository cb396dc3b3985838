/** One family as it stands in a scrape. */
export interface ReadFamily {
  readonly type: string;
  readonly help: string;
  readonly samples: { name: string; labels: Record<string, string>; value: number }[];
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL = '[a-zA-Z_][a-zA-Z0-9_]*';

/**
 * Reads Prometheus' text format 0.0.4 and refuses whatever it does not allow: a sample before its TYPE, a family in
 * two places, the same labels twice, an escape that is none, buckets that shrink or do not end in the count.
 */
export function readExposition(text: string): Map<string, ReadFamily> {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const families = new Map<string, ReadFamily & { seen: Set<string> }>();
  let help: { name: string; text: string } | null = null;
  let current = '';
  for (const line of text.slice(0, -1).split('\n')) {
    const helped = new RegExp(`^# HELP (${NAME}) (.*)$`, 's').exec(line);
    const typed = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram)$`).exec(line);
    if (helped) {
      help = { name: helped[1]!, text: unescaped(helped[2]!, /\\(.)/gs, { '\\': '\\', n: '\n' }) };
    } else if (typed) {
      const [, name, type] = typed as unknown as [string, string, string];
      if (help?.name !== name) throw new Error(`TYPE without its HELP: ${line}`);
      if (families.has(name)) throw new Error(`${name} stands in two places`);
      families.set(name, { type, help: help.text, samples: [], seen: new Set() });
      current = name;
    } else {
      const sample = sampleOf(line);
      const family = families.get(current);
      const suffix = sample.name.slice(current.length);
      const allowed = family?.type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
      if (!family || !sample.name.startsWith(current) || !allowed.includes(suffix)) {
        throw new Error(`a sample outside of its family: ${line}`);
      }
      if (family.type === 'counter' && !sample.name.endsWith('_total')) throw new Error(`a counter: ${line}`);
      const key = sample.name + JSON.stringify(Object.entries(sample.labels).sort());
      if (family.seen.has(key)) throw new Error(`twice: ${line}`);
      family.seen.add(key);
      family.samples.push(sample);
    }
  }
  for (const [name, family] of families) if (family.type === 'histogram') holdBuckets(name, family);
  return families;
}

function sampleOf(line: string) {
  const match = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)$`, 's').exec(line);
  if (!match) throw new Error(`no sample: ${JSON.stringify(line)}`);
  const labels: Record<string, string> = {};
  let rest = match[2] ?? '';
  while (rest !== '') {
    const pair = new RegExp(`^(${LABEL})="((?:[^"\\\\\\n]|\\\\.)*)"(?:,|$)`, 's').exec(rest);
    if (!pair || Object.hasOwn(labels, pair[1]!)) throw new Error(`labels: ${JSON.stringify(line)}`);
    labels[pair[1]!] = unescaped(pair[2]!, /\\(.)/gs, { '\\': '\\', n: '\n', '"': '"' });
    rest = rest.slice(pair[0].length);
  }
  const text = match[3]!;
  if (!/^(?:[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|NaN|[-+]Inf)$/i.test(text)) {
    throw new Error(`no number: ${line}`);
  }
  return { name: match[1]!, labels, value: Number(text.replace('Inf', 'Infinity')) };
}

function unescaped(text: string, sequence: RegExp, known: Readonly<Record<string, string>>): string {
  return text.replace(sequence, (_, character: string) => {
    if (!Object.hasOwn(known, character)) throw new Error(`\\${character} is no escape`);
    return known[character]!;
  });
}

function holdBuckets(name: string, { samples }: ReadFamily): void {
  const buckets = samples.filter(sample => sample.name === `${name}_bucket`);
  const bounds = buckets.map(({ labels }) => Number(labels.le?.replace('Inf', 'Infinity')));
  const counts = buckets.map(({ value }) => value);
  const count = samples.find(sample => sample.name === `${name}_count`)?.value;
  const rising = (numbers: readonly number[]) => numbers.every((n, i) => i === 0 || n >= numbers[i - 1]!);
  if (!rising(bounds) || !rising(counts) || bounds.at(-1) !== Number.POSITIVE_INFINITY) {
    throw new Error(`the buckets of ${name} are out of order`);
  }
  if (counts.at(-1) !== count) throw new Error(`${name}: the last bucket is not the count`);
}

/** The value of one sample; undefined where there is none. */
export const sampled = (
  families: ReadonlyMap<string, ReadFamily>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined =>
  [...families.values()]
    .flatMap(family => family.samples)
    .find(
      sample =>
        sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
    )?.value;
