import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type postgres from 'postgres';
import { contextOf } from '../credentials/contexts.ts';
import { addKey, forgetRetiredKeys } from '../credentials/key-file.ts';
import { type Keyring, SealError, sealedUnder, sealingName } from '../credentials/seal.ts';
import { appliedMigrations, SEALED_LOCK } from '../store/owner.ts';
import { resealAll, sealedElsewhere, sealersConnected } from '../store/reseal.ts';
import { answerIsNo, callIsWrong } from './failure.ts';
import { asOwner } from './kept.ts';
import { keyringOf } from './seal.ts';
import type { Terminal } from './terminal.ts';

/**
 * `sallyport seal --rotate`: everything that is sealed under an older key is sealed again under the newest. Where the
 * keys are in a file it makes the new one itself; otherwise SALLYPORT_KEY is the new one and SALLYPORT_KEY_RETIRED
 * the old. Brokers may run meanwhile, if they seal under the same key.
 *
 * @returns 0 when the retired keys may go, 1 when something is still sealed under one
 */
export async function rotate(terminal: Terminal): Promise<number> {
  const { file } = terminal.sealing();
  return withKeys(terminal, async (owner, keyring, keys) => {
    if (keyring.file === null && keyring.retired.length === 0) {
      throw callIsWrong(
        'no key to rotate from: set SALLYPORT_KEY to the new key and SALLYPORT_KEY_RETIRED to the old one, restart the broker with both, and call this again',
      );
    }
    await everySealerIs(owner, keyring);
    // A retired key that is still in the file is a rotation that was not brought to its end.
    if (keyring.file !== null && keyring.retired.length === 0) await addKey(file);
    const resealed = await resealAll(owner, keys, keyring);
    terminal.output.write(
      resealed === 0
        ? `Nothing was sealed under an older key than ${keyring.keyId}.\n`
        : `Sealed again under the key ${keyring.keyId}: ${resealed} secret${resealed === 1 ? '' : 's'}.\n`,
    );
    return (await mayForget(terminal, owner, keyring, keys)) ? 0 : 1;
  });
}

/** `sallyport seal --forget-retired`: takes the retired keys out of the key file, once nothing needs them. */
export async function forgetRetired(terminal: Terminal): Promise<number> {
  const { file } = terminal.sealing();
  return withKeys(terminal, async (owner, keyring, keys) => {
    if (keyring.retired.length === 0) {
      terminal.output.write('There is no retired key.\n');
      return 0;
    }
    if (!(await mayForget(terminal, owner, keyring, keys))) return 1;
    if (keyring.file === null) return 0;
    await everySealerIs(owner, keyring);
    await forgetRetiredKeys(file);
    terminal.output.write(`Only the key ${keyring.keyId} is left in ${file}.\n`);
    return 0;
  });
}

async function withKeys(
  terminal: Terminal,
  work: (owner: postgres.Sql, keyring: Keyring, keys: string) => Promise<number>,
): Promise<number> {
  return asOwner(terminal, async database => {
    const owner = database.open();
    try {
      if ((await appliedMigrations(owner)).length === 0) {
        throw callIsWrong('nothing was ever served from here: start the broker first');
      }
      const [{ held }] = (await owner`select pg_try_advisory_lock(${SEALED_LOCK}) as held`) as unknown as [
        { held: boolean },
      ];
      if (!held) throw answerIsNo('a backup or another rotation is running: wait for its end and try again');
      return await work(owner, await keyringOf(terminal), dirname(terminal.sealing().file));
    } catch (error) {
      throw error instanceof SealError ? answerIsNo(error.message) : error;
    } finally {
      await owner.end({ timeout: 5 });
    }
  });
}

/** A broker with other keys could not open what is sealed here, and would go on sealing under what is to go. */
async function everySealerIs(owner: postgres.Sql, keyring: Keyring): Promise<void> {
  const ours = sealingName(keyring);
  const others = (await sealersConnected(owner)).filter(name => name !== ours);
  if (others.length === 0) return;
  throw answerIsNo(
    keyring.file === null
      ? `a broker runs that does not seal under SALLYPORT_KEY (${others.join(', ')}; here ${ours}): restart it with the new key as SALLYPORT_KEY and the old one as SALLYPORT_KEY_RETIRED, then call this again`
      : `a broker runs that does not follow the key file (${others.join(', ')}): call this with the settings of that broker`,
  );
}

/** Says what still needs a retired key. sallyport.yaml is its owner's: what belongs there is printed, not written. */
async function mayForget(
  terminal: Terminal,
  owner: postgres.Sql,
  keyring: Keyring,
  keys: string,
): Promise<boolean> {
  const places = await sealedElsewhere(owner, keys, keyring.keyId);
  const settings = await sealedSettings(terminal, keyring);
  for (const place of places) terminal.output.write(`Still under an older key: ${place}\n`);
  for (const { line, sealed } of settings) {
    terminal.output.write(
      `Still under an older key: ${terminal.kept().settings}, line ${line}. Put this there:\n${sealed}\n`,
    );
  }
  const retired = keyring.retired.join(', ');
  if (retired === '') return true;
  if (places.length + settings.length > 0) {
    terminal.output.write(`Keep the retired key ${retired} until then, and call this again.\n`);
    return false;
  }
  terminal.output.write(
    keyring.file === null
      ? `Nothing needs the retired key ${retired} any more: SALLYPORT_KEY_RETIRED may go. Backups made before need it.\n`
      : `Nothing needs the retired key ${retired} any more: take it away with sallyport seal --forget-retired. Backups made before need it.\n`,
  );
  return true;
}

async function sealedSettings(
  terminal: Terminal,
  keyring: Keyring,
): Promise<{ line: number; sealed: string }[]> {
  const source = await readFile(terminal.kept().settings, 'utf8').catch(() => '');
  return source.split('\n').flatMap((text, i) =>
    (text.match(/\bsp1\.[\w-]{8}\.[\w-]{16}\.[\w-]+/g) ?? [])
      .filter(sealed => sealedUnder(sealed) !== keyring.keyId)
      .map(sealed => ({
        line: i + 1,
        sealed: keyring.seal(keyring.unseal(sealed, contextOf.configuration), contextOf.configuration),
      })),
  );
}
