import { readFile, writeFile } from 'node:fs/promises';
import { arch, cpus, platform, release, totalmem } from 'node:os';

/** What one part of the soak has to say: a section of SOAK.md of its own. */
export interface Report {
  readonly title: string;
  /** What was done, in a few sentences. */
  readonly done: string;
  /** The call that does it again. */
  readonly command: string;
  readonly counts: readonly (readonly [what: string, count: string | number])[];
  /** What was lost, doubled or wrong: each is a fault of ours. None is what is meant. */
  readonly losses: readonly string[];
}

const HEAD = `# Soak

What \`npm run soak\` did in large, and what was lost. Each part writes its own section, with \`--report\`; the others
stay as they are. The same parts run in small in \`npm test\`.
`;

/** The section as it stands in SOAK.md. */
export function sectionOf(report: Report, at: Date): string {
  const { counts, losses } = report;
  return [
    `## ${report.title}`,
    '',
    report.done,
    '',
    `\`${report.command}\`, ${at.toISOString().slice(0, 10)}, ${machine()}.`,
    '',
    '| | |',
    '| --- | ---: |',
    ...counts.map(([what, count]) => `| ${what} | ${count} |`),
    `| **lost, doubled or wrong** | **${losses.length === 0 ? 'none' : losses.length}** |`,
    ...(losses.length === 0 ? [] : ['', ...losses.slice(0, 50).map(loss => `- ${loss}`)]),
    '',
  ].join('\n');
}

/** The page with this section in the place of the one of the same title, or at the end. */
export function placeSection(page: string, section: string): string {
  const title = section.slice(0, section.indexOf('\n'));
  const [head, ...sections] = (page === '' ? HEAD : page).split(/^(?=## )/m);
  const others = sections.map(each => (each.startsWith(`${title}\n`) ? section : each));
  const all = others.includes(section) ? others : [...others, section];
  return `${[head!, ...all].map(each => each.trim()).join('\n\n')}\n`;
}

export async function writeSection(file: string, report: Report): Promise<void> {
  const page = await readFile(file, 'utf8').catch(() => '');
  await writeFile(file, placeSection(page, sectionOf(report, new Date())));
}

const machine = (): string => {
  const processors = cpus();
  const model = processors[0]?.model.trim().replace(/\s+/g, ' ') || 'unnamed processor';
  const memory = Math.round(totalmem() / 2 ** 30);
  return `Node ${process.version}, ${platform()} ${release()} ${arch()}, ${processors.length} × ${model}, ${memory} GiB`;
};
