import type { Histogram, Sample } from './instruments.ts';

export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

interface Named {
  readonly name: string;
  readonly help: string;
}

export type Family = Named &
  (
    | { readonly type: 'counter' | 'gauge'; readonly samples: readonly Sample[] }
    | { readonly type: 'histogram'; readonly histogram: Histogram }
  );

export const gauge = (name: string, help: string, samples: readonly Sample[]): Family => ({
  name,
  help,
  type: 'gauge',
  samples,
});

export const counter = (name: string, help: string, samples: readonly Sample[]): Family => ({
  name,
  help,
  type: 'counter',
  samples,
});

export const histogram = (name: string, help: string, of: Histogram): Family => ({
  name,
  help,
  type: 'histogram',
  histogram: of,
});

/** Prometheus' text format 0.0.4. A family without samples is left out: what is unknown is not zero. */
export function exposition(families: readonly Family[]): string {
  return families.map(textOf).join('');
}

function textOf(family: Family): string {
  const lines = family.type === 'histogram' ? buckets(family.name, family.histogram) : plain(family);
  if (lines.length === 0) return '';
  const help = family.help.replace(/[\\\n]/g, escaped);
  return [`# HELP ${family.name} ${help}`, `# TYPE ${family.name} ${family.type}`, ...lines, ''].join('\n');
}

const plain = ({ name, samples }: { name: string; samples: readonly Sample[] }): string[] =>
  samples.map(({ labels = {}, value }) => `${name}${labelled(labels)} ${numeral(value)}`);

function buckets(name: string, { bounds, state }: Histogram): string[] {
  const { counts, sum, count } = state;
  return [
    ...bounds.map((bound, i) => `${name}_bucket${labelled({ le: numeral(bound) })} ${counts[i]}`),
    `${name}_bucket${labelled({ le: '+Inf' })} ${count}`,
    `${name}_sum ${numeral(sum)}`,
    `${name}_count ${count}`,
  ];
}

function labelled(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(
    ([key, value]) => `${key}="${value.replace(/[\\\n"]/g, escaped)}"`,
  );
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

const escaped = (character: string): string => (character === '\n' ? '\\n' : `\\${character}`);

function numeral(value: number): string {
  if (Number.isFinite(value)) return String(value);
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? '+Inf' : '-Inf';
}
