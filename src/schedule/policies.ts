import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { problemText } from '../matrices/problem.ts';
import { readEngagement } from '../matrices/read.ts';
import type { Engagements } from '../store/engagements.ts';
import type { FolderVersion, TakenIn } from '../store/proposals.ts';

/**
 * The folder that users write: one folder a tenant. It brings tenants in; what is in force there changes by both
 * parties' signatures alone.
 */
export interface Policies {
  /**
   * Reads all of it; what is wrong changes nothing, and is told as `file:line:column …`. One tenant's folder keeps no
   * other from being served, not even one that fails as no folder should.
   */
  reload(): Promise<readonly string[]>;
  /**
   * One round of looking for tenants that are not served yet. A folder counts once two rounds found it the same, so
   * that one which is still being copied is left alone, and a bad one is told of once. Tenants that are served are
   * looked at again at `reload` alone: half of an edit must not be put up for signing.
   */
  lookForNew(): Promise<void>;
}

/**
 * @param takeIn see `store/proposals.ts`
 * @param welcome prepares what a tenant needs beside its matrix; safe to call again
 */
export function openPolicies(parts: {
  folder: string;
  engagements: Pick<Engagements, 'all'>;
  takeIn: (version: FolderVersion) => Promise<TakenIn>;
  welcome: (tenant: string) => Promise<void>;
  logger: { info(fields: object, message: string): void; error(fields: object, message: string): void };
}): Policies {
  const { folder, engagements, takeIn, welcome, logger } = parts;
  /** How each unserved folder looked in the last round, and whether it was read as it looked then. */
  const seen = new Map<string, { look: string; read: boolean }>();
  /** Why a tenant could not be taken in when that was last tried. */
  const failed = new Map<string, string>();

  const take = async (name: string): Promise<string[]> => {
    const read = readEngagement(join(folder, name));
    if (!read.ok) {
      const problems = read.problems.map(problemText);
      for (const problem of problems) logger.error({ tenant: name }, problem);
      return problems;
    }
    const { engagement, expectations, texts } = read;
    const became = await takeIn({ engagement, expectations, texts });
    if (became !== 'unchanged') logger.info({ tenant: name, digest: engagement.digest }, WHAT_BECAME[became]);
    await welcome(name);
    return [];
  };

  /**
   * Does one tenant's part. That it failed is that tenant's problem alone: told once for each reason, by a plain word
   * and nothing of what the folder holds.
   */
  const alone = async (tenant: string, work: () => Promise<string[]>): Promise<string[]> => {
    try {
      const problems = await work();
      failed.delete(tenant);
      return problems;
    } catch (error) {
      const why = plainWord(error);
      if (failed.get(tenant) !== why) logger.error({ tenant, why }, 'a tenant could not be taken in');
      failed.set(tenant, why);
      return [`${join(folder, tenant)} could not be taken in (${why})`];
    }
  };
  const welcomed = async (tenant: string): Promise<string[]> => {
    await welcome(tenant);
    return [];
  };

  return {
    async reload() {
      const problems: string[] = [];
      for (const name of await foldersIn(folder)) problems.push(...(await alone(name, () => take(name))));
      // A tenant whose folder is bad or gone is served by the version in force.
      for (const { tenant } of await engagements.all()) {
        problems.push(...(await alone(tenant, () => welcomed(tenant))));
      }
      return [...new Set(problems)];
    },
    async lookForNew() {
      const served = new Set((await engagements.all()).map(({ tenant }) => tenant));
      const unserved = (await foldersIn(folder)).filter(name => !served.has(name));
      for (const name of seen.keys()) if (!unserved.includes(name)) seen.delete(name);
      for (const name of failed.keys()) {
        // In force already, and not prepared yet: what was in the way may be gone.
        if (served.has(name)) await alone(name, () => welcomed(name));
        else if (!unserved.includes(name)) failed.delete(name);
      }
      for (const name of unserved) {
        await alone(name, async () => {
          const look = await lookOf(join(folder, name));
          const before = seen.get(name);
          const settled = before?.look === look;
          const problems = settled && !before.read ? await take(name) : [];
          seen.set(name, { look, read: settled });
          return problems;
        });
      }
    },
  };
}

async function foldersIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.filter(entry => entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name);
}

/** A code such as `EACCES` or `22021`, or else the error's class: its message may repeat what stood in the file. */
function plainWord(error: unknown): string {
  for (let one: unknown = error; one instanceof Error; one = one.cause) {
    const { code } = one as { code?: unknown };
    if (typeof code === 'string' && /^\w{1,40}$/.test(code)) return code;
  }
  return error instanceof Error ? error.name : 'unknown';
}

/** Names, sizes and times of what lies in it. */
async function lookOf(folder: string): Promise<string> {
  const names = (await readdir(folder)).sort();
  const looks = names.map(async name => {
    const found = await stat(join(folder, name)).catch(() => null);
    return `${name} ${found?.size} ${found?.mtimeMs}`;
  });
  return (await Promise.all(looks)).join('\n');
}

const WHAT_BECAME: Readonly<Record<Exclude<TakenIn, 'unchanged'>, string>> = {
  'in-force': 'a matrix version is in force, unsigned',
  waits: 'a matrix version waits for both signatures; nothing opens before',
  differs: 'the folder is not what is in force, and changes nothing: put it up with sallyport matrix propose',
};
