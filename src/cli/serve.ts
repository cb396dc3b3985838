import { readConfiguration, readSealing } from '../configuration.ts';
import { contextOf } from '../credentials/contexts.ts';
import { openKeyring } from '../credentials/seal.ts';
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
