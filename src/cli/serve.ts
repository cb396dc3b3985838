import type { Application } from '../api/application.ts';
import { readConfiguration, readSealing } from '../configuration.ts';
import { contextOf } from '../credentials/contexts.ts';
import { openKeyring } from '../credentials/seal.ts';
import { PARTIES } from '../domain/party.ts';
import { startBroker } from '../main.ts';

/**
 * `sallyport serve`: both planes, until it is told to stop. SIGHUP reads the policies again. Standard output speaks to
 * whoever started it; standard error is the log, one JSON object a line.
 */
export async function serve(): Promise<void> {
  const keyring = await openKeyring(readSealing());
  const unseal = (sealed: string) => keyring.unseal(sealed, contextOf.configuration).toString();
  const broker = await startBroker(readConfiguration(undefined, unseal));
  const { http, ssh, application } = broker;
  process.stdout.write(
    [
      `Sallyport ${application.instance} serves at ${application.url.href} (listening on ${http.host}:${http.port}),`,
      `its SSH gateway on ${ssh.host}:${ssh.port}.`,
      ...[...application.signIns.providers].map(
        ([key, { issuer }]) =>
          `Sign-in at ${issuer} comes back to ${new URL(`/signin/${key}/callback`, application.url)}`,
      ),
      ...(application.signIns.providers.size === 0
        ? ['Nobody can sign in: sallyport.yaml names no OIDC client (see the README).']
        : []),
      ...(await inForce(application)),
      ...broker.problems.map(problem => `Not in force: ${problem}`),
      '',
    ].join('\n'),
  );
  process.on('SIGHUP', () => {
    // What is wrong in a file is in the log by then, with its place.
    broker.reload().catch(error => application.logger.error({ err: error }, 'reading the policies again'));
  });
  const signal = await stopSignal();
  application.logger.info({ signal }, 'stopping: the same signal again ends it at once');
  await broker.stop();
}

/** The engagements, and whose people cannot sign in for want of a client. */
async function inForce({ engagements, signIns, url }: Application): Promise<string[]> {
  const all = await engagements.all();
  if (all.length === 0) return ['No engagement is in force: the folder of the policies holds none.'];
  const issuers = new Set([...signIns.providers.values()].map(({ issuer }) => issuer));
  return all.flatMap(({ tenant, engagement: { digest, matrix }, unsettled }) => [
    ...(unsettled === null
      ? [`In force: ${tenant}, version ${matrix.version} (${digest.slice(0, 12)}).`]
      : unsettled === 'first-version'
        ? [
            `Not in force yet: ${tenant}, version ${matrix.version} (${digest.slice(0, 12)}). Nothing opens until one of`,
            `  each party has signed it at ${new URL(`/matrix/proposals?tenant=${tenant}`, url).href}`,
            `  (${matrix.governance.sign.join(', ')} sign).`,
          ]
        : [
            `Nothing opens in ${tenant}: its issuers or channels are not those that both parties signed. Put them back,`,
            `  or have them signed: sallyport matrix propose --again --tenant ${tenant}`,
          ]),
    ...PARTIES.map(party => matrix.parties[party])
      .filter(({ issuer }) => !issuers.has(issuer))
      .map(({ name, issuer }) => `  ${name} cannot sign in: sallyport.yaml has no client for ${issuer}.`),
  ]);
}

/** Ctrl-C under npm arrives twice: from the terminal, and passed on by npm. */
const ONE_PRESS_MS = 300;

/** Resolves at the first SIGINT or SIGTERM; another one ends the process the hard way. */
export function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise(resolve => {
    let first: number | null = null;
    const stop = (signal: NodeJS.Signals) => {
      if (first !== null && performance.now() - first > ONE_PRESS_MS) process.exit(130);
      first ??= performance.now();
      resolve(signal);
    };
    process.on('SIGINT', stop);
    process.on('SIGTERM', stop);
  });
}
