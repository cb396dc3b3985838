import { createHash } from 'node:crypto';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Place, Problem } from '../problem.ts';
import type { Finding, Severity } from './finding.ts';
import { CHECKS } from './table.ts';

/** What a file that could not be taken as it stands is reported under. */
const UNSOUND = {
  code: 'unsound-file',
  severity: 'error',
  title: 'A file cannot be read as a matrix, an inventory or expectations',
  help: 'Its YAML, its shape or a name in it is wrong, so nothing was checked and the version in force stays.',
  mend: 'Correct what is said there; the names that would be known stand beside it.',
} as const;

const RULES = [...CHECKS, UNSOUND];

export interface Told {
  readonly tenant: string;
  readonly findings: readonly Finding[];
}

/**
 * SARIF 2.1.0, so that a code host shows findings on a change. A finding keeps its fingerprint while lines move;
 * the same input gives the same bytes.
 *
 * @param folder what the places are said relative to, an absolute path: the checkout on which a host lays them
 */
export function sarifOf(
  checked: readonly Told[],
  problems: readonly Problem[],
  { folder, version, exitCode }: { folder: string; version: string; exitCode: number },
): object {
  const seen = new Map<string, number>();
  const result = (
    code: string,
    level: Severity,
    text: string,
    place: Place,
    identity: readonly string[],
    logical: string | null,
  ): object => {
    const hash = createHash('sha256')
      .update([code, ...identity].join('\0'))
      .digest('hex')
      .slice(0, 32);
    const count = (seen.get(hash) ?? 0) + 1;
    seen.set(hash, count);
    return {
      ruleId: code,
      ruleIndex: RULES.findIndex(rule => rule.code === code),
      level,
      message: { text },
      locations: [
        {
          physicalLocation: {
            artifactLocation: artifactOf(place.file, folder),
            region: { startLine: place.line, startColumn: place.column },
          },
          ...(logical === null ? {} : { logicalLocations: [{ fullyQualifiedName: logical }] }),
        },
      ],
      // The second name is the one that GitHub reads.
      partialFingerprints: {
        'sallyportFinding/v1': `${hash}:${count}`,
        primaryLocationLineHash: `${hash}:${count}`,
      },
    };
  };
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: { name: 'sallyport', semanticVersion: version, rules: RULES.map(ruleOf) },
        },
        automationDetails: { id: 'sallyport/matrix-check/' },
        columnKind: 'utf16CodeUnits',
        invocations: [{ executionSuccessful: problems.length === 0, exitCode }],
        results: [
          ...problems.map(problem =>
            result(
              UNSOUND.code,
              UNSOUND.severity,
              problemSentence(problem),
              problem,
              [artifactOf(problem.file, folder).uri, problem.message],
              null,
            ),
          ),
          ...checked.flatMap(({ tenant, findings }) =>
            findings.map(({ code, severity, subject, message, mend, ...place }) =>
              result(
                code,
                severity,
                `${message}. Mend: ${mend}.`,
                place,
                [tenant, subject],
                `${tenant}: ${subject}`,
              ),
            ),
          ),
        ],
      },
    ],
  };
}

const ruleOf = ({ code, severity, title, help, mend }: (typeof RULES)[number]): object => ({
  id: code,
  shortDescription: { text: `${title}.` },
  fullDescription: { text: help },
  help: { text: `${help} ${mend}`, markdown: `${help}\n\n**Mend:** ${mend}` },
  defaultConfiguration: { level: severity },
});

function problemSentence({ message, expected, nearest }: Problem): string {
  const hints = [
    ...(expected === null ? [] : [`Expected ${expected}.`]),
    ...(nearest === null ? [] : [`Did you mean "${nearest}"?`]),
  ];
  return [message.replace(/\.?$/, '.'), ...hints].join(' ');
}

/** Relative to the folder where it lies within; else the whole address. */
function artifactOf(file: string, folder: string): { uri: string; uriBaseId?: string } {
  const path = resolve(folder, file);
  const within = relative(folder, path);
  if (within === '..' || within.startsWith(`..${sep}`) || isAbsolute(within)) {
    return { uri: pathToFileURL(path).href };
  }
  return { uri: within.split(sep).map(encodeURIComponent).join('/'), uriBaseId: '%SRCROOT%' };
}
