import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseMoment } from '../../domain/calendar.ts';
import { visible } from '../../domain/visible-text.ts';
import { type Problem, problemText } from '../../matrices/problem.ts';
import { type Reading, readEngagement, tenantFolders } from '../../matrices/read.ts';
import { count, joined, json, type Said, wrong } from './said.ts';

/** What every `matrix` command over folders is told. */
export interface Common {
  /** Where `policies/` is when no DIR was given. */
  readonly policies: string;
  /** Epoch milliseconds, unless `at` says otherwise. */
  readonly now: number;
  readonly tenant?: string | undefined;
  readonly at?: string | undefined;
  readonly json?: boolean | undefined;
}

export type Sound = Extract<Reading, { ok: true }>;

/**
 * Reads the tenants that DIR, or else the policies folder, holds; all of them sound, or what to say instead.
 *
 * @param unsound what standard output says of the problems, where that is not the JSON of `--json`
 */
export function readAll(
  dir: string | undefined,
  options: Common,
  unsound?: (problems: readonly Problem[]) => object,
): Sound[] | Said {
  const where = dir ?? options.policies;
  const isTenant = existsSync(join(where, 'matrix.yaml'));
  const readings = tenantFolders(where).map(folder => readEngagement(folder, { anyFolder: isTenant }));
  if (readings.length === 0)
    return wrong(`${where}: no tenant's folder is there. Name one that holds matrix.yaml.`);
  const problems: readonly Problem[] = readings.flatMap(reading => (reading.ok ? [] : reading.problems));
  if (problems.length > 0) {
    const err = joined([
      ...problems.map(problem => visible(problemText(problem))),
      `sallyport: ${count(problems.length, 'problem')} in these files, so nothing was done; mend what is said above`,
    ]);
    if (unsound) return json(2, unsound(problems), err);
    return options.json ? json(2, { problems }, err) : { code: 2, out: '', err };
  }
  const sound = readings.filter(reading => reading.ok);
  const { tenant } = options;
  if (tenant === undefined) return sound;
  const chosen = sound.filter(({ engagement }) => engagement.tenant === tenant);
  return chosen.length > 0
    ? chosen
    : wrong(`${where}: there is no tenant "${tenant}". It holds ${tenantsOf(sound)}.`);
}

export const tenantsOf = (sound: readonly Sound[]): string =>
  sound.map(({ engagement }) => engagement.tenant).join(', ');

/** The moment of `--at`, in the matrix's zone; `null` when it is no time. */
export const clockOf = ({ at, now }: Common, { engagement }: Sound): number | null =>
  at === undefined ? now : parseMoment(at, engagement.matrix.timezone);

export const badTime = (at: string | undefined): Said =>
  wrong(`--at ${at}: expected a time such as 2026-11-24T10:00, in the matrix's zone unless it names one.`);

export const titleOf = ({ folder, engagement }: Sound): string =>
  `${engagement.tenant} ${engagement.matrix.version}  ${folder}  ${engagement.digest.slice(0, 12)}`;
