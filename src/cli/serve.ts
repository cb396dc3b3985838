import { ConfigurationError, readConfiguration, readSealing } from '../configuration.ts';
import { openKeyring } from '../credentials/seal.ts';
import { startBroker } from '../main.ts';

/** `sallyport serve`: both planes, until it is told to stop. SIGHUP reads the policies again. */
export async function serve(): Promise<void> {
  const keyring = await openKeyring(readSealing());
  const unseal = (sealed: string) => keyring.unseal(sealed, 'configuration').toString();
  const broker = await startBroker(readConfiguration(undefined, unseal));
  const { http, ssh, application } = broker;
  process.stderr.write(
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
    broker.reload().then(
      problems => process.stderr.write(problems.map(problem => `Not in force: ${problem}\n`).join('')),
      error =>
        process.stderr.write(
          `sallyport: ${error instanceof ConfigurationError ? error.message : 'reload failed'}\n`,
        ),
    );
  });
  await stopSignal();
  process.stderr.write('Stopping: sessions are told and closed.\n');
  await broker.stop();
}

/** Resolves at the first SIGINT or SIGTERM; a second one ends the process the hard way. */
export function stopSignal(): Promise<void> {
  return new Promise(resolve => {
    let asked = false;
    const stop = () => {
      if (asked) process.exit(130);
      asked = true;
      resolve();
    };
    process.on('SIGINT', stop);
    process.on('SIGTERM', stop);
  });
}
