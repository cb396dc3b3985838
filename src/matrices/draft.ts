import { Document, isMap, isScalar, visit, type YAMLMap } from 'yaml';
import type { Party } from '../domain/party.ts';
import { PARTIES } from '../domain/party.ts';
import type { Imported, Unplaced } from './import.ts';
import type { VersionTexts } from './read.ts';

export interface DraftOptions {
  readonly tenant: string;
  readonly names: Readonly<Record<Party, string>>;
  readonly timezone: string;
  /** A date, `2027-02-20`. */
  readonly reviewBy: string;
  /** The file's name, for the head of the draft. */
  readonly from: string;
}

/** Where something stands in the spreadsheet: `row 9, column E`. */
export const placeInSheet = ({ row, column }: Unplaced): string =>
  [...(row === null ? [] : [`row ${row}`]), ...(column === null ? [] : [`column ${column}`])].join(', ');

/** A draft of what was placed: it loads, gives no access yet, and says in comments what was not placed. */
export function draftOf(imported: Imported, options: DraftOptions): VersionTexts {
  const squads = squadsOf(imported);
  const document = new Document({
    matrix: options.tenant,
    version: '1',
    review_by: options.reviewBy,
    timezone: options.timezone,
    parties: Object.fromEntries(
      PARTIES.map(party => [
        party,
        {
          name: options.names[party],
          issuer: `https://login.${party}.example`,
          squads: Object.fromEntries(squads[party].map(({ name, label }) => [name, { label, group: name }])),
        },
      ]),
    ),
    governance: governanceOf(imported, squads),
    services: Object.fromEntries(
      imported.services.map(({ name, label, tasks }) => [
        name,
        {
          label,
          targets: { service: name },
          activities: Object.fromEntries(
            tasks.map(task => [
              task.name,
              {
                label: task.label,
                R: task.R,
                A: task.A,
                ...(task.A2 === null ? {} : { A2: task.A2 }),
                ...(task.C.length === 0 ? {} : { C: task.C }),
                ...(task.I.length === 0 ? {} : { I: task.I }),
              },
            ]),
          ),
        },
      ]),
    ),
  });
  document.commentBefore = [
    ` A draft, made of ${options.from}. CHANGE what says so; add A2 where a row has none.`,
    ' No row gives access yet: where people log in for a task, add for example',
    '   gives: { ssh: { logins: [root], exec: true } }',
    '   for: 2h',
  ].join('\n');
  comment(
    document,
    ['parties', 'msp', 'issuer'],
    ' CHANGE: the issuer of the identity provider, here and below; and the groups of the squads',
  );
  comment(
    document,
    ['governance', 'sign'],
    ' CHANGE: who signs a version, who may shut the MSP out, who reads everything; these are guesses',
  );
  for (const { name, tasks } of imported.services) {
    for (const task of tasks) {
      comment(
        document,
        ['services', name, 'activities', task.name],
        [`row ${task.row}`, ...task.remarks].map(text => ` ${text}`).join('\n'),
      );
    }
  }
  visit(document, {
    Seq: (_, node) => {
      if (node.items.every(isScalar)) node.flow = true;
    },
    Pair: (_, { key, value }) => {
      if (isScalar(key) && key.value === 'targets' && isMap(value)) value.flow = true;
    },
  });
  const squadMaps = PARTIES.map(party => document.getIn(['parties', party, 'squads'], true));
  for (const map of squadMaps)
    if (isMap(map)) for (const { value } of map.items) if (isMap(value)) value.flow = true;
  if (imported.unplaced.length > 0) {
    document.comment = [
      ' Not placed, and so not in force for anybody:',
      ...imported.unplaced.map(
        one => `   ${placeInSheet(one)}: ${one.what ? `"${one.what}": ` : ''}${one.why}`,
      ),
    ].join('\n');
  }
  return { matrix: document.toString({ lineWidth: 0 }), targets: targetsOf(imported), expectations: null };
}

/** Above the key that ends a path. */
function comment(document: Document, path: readonly string[], text: string): void {
  const above = document.getIn(path.slice(0, -1), true);
  if (!isMap(above)) return;
  const key = (above as YAMLMap).items.find(
    pair => isScalar(pair.key) && pair.key.value === path.at(-1),
  )?.key;
  if (isScalar(key)) key.commentBefore = text;
}

type Squads = Record<Party, { name: string; label: string }[]>;

function squadsOf({ roles }: Imported): Squads {
  const squads: Squads = { msp: [], client: [] };
  for (const { squad, heading } of roles) {
    if (squad === null) continue;
    const [party, name] = squad.split('/') as [Party, string];
    if (!squads[party].some(other => other.name === name))
      squads[party].push({ name, label: heading || name });
  }
  return squads;
}

/** Guesses: who is A most often signs for the client, whoever leads the account for the MSP. */
function governanceOf(
  { services }: Imported,
  squads: Squads,
): { sign: string[]; lockout: string[]; auditors: string[] } {
  const answers = services.flatMap(({ tasks }) => tasks.map(({ A }) => A));
  const often = (name: string) => answers.filter(squad => squad === `client/${name}`).length;
  const client = squads.client.toSorted((one, other) => often(other.name) - often(one.name))[0]!;
  const find = (party: Party, pattern: RegExp) => squads[party].find(({ name }) => pattern.test(name));
  const msp = find('msp', /account|manage|lead|director/) ?? squads.msp[0]!;
  const auditors = find('client', /audit|complian|risk|privacy/) ?? client;
  return {
    sign: [`client/${client.name}`, `msp/${msp.name}`],
    lockout: [`client/${client.name}`],
    auditors: [`client/${auditors.name}`],
  };
}

function targetsOf({ services }: Imported): string {
  return `# The inventory: CHANGE this to the systems there are. \`service\` ties each to the rows of one service or of several:
# ${services.map(({ name }) => name).join(', ')}
#
# targets:
#   db01:
#     label: Database host
#     labels: { service: ${services[0]?.name ?? 'backups'}, environment: prod }
#     ssh: { address: "192.0.2.12:22", trust: ca }
targets: {}
`;
}

/** The side that no column stands for; a matrix needs both. */
export const missingSide = ({ roles }: Imported): Party | null =>
  PARTIES.find(party => !roles.some(({ squad }) => squad?.startsWith(`${party}/`))) ?? null;
