import type { Socket } from 'node:net';
import { dial } from '../dial.ts';

/** At once: more than one session needs, and few enough that no sshd counts them as an attack. */
const AT_ONCE = 3;
/** RFC 4253 section 4.2 lets a server say other lines before its own. */
const LONGEST = 1024;

export interface Arrivals {
  readonly tried: number;
  readonly answered: number;
  readonly turnedAway: 'too-many' | 'penalty' | null;
  readonly software: string | null;
}

/**
 * Comes several times at once and says nothing, as many people do who begin a session together: whether sshd's
 * MaxStartups, or its PerSourceMaxStartups and PerSourcePenalties, turn the gateway away.
 */
export async function arrive(
  to: { readonly host: string; readonly port: number },
  ms: number,
  signal: AbortSignal,
): Promise<Arrivals> {
  const sockets: Socket[] = [];
  const greetings = await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      const socket = await dial(to, ms, signal).catch(() => null);
      if (!socket) return '';
      // Held until all have been heard: they count together.
      sockets.push(socket);
      return greetingOf(socket, ms, signal);
    }),
  );
  for (const socket of sockets) socket.destroy();
  const answered = greetings.filter(text => identificationIn(text) !== null);
  const away = greetings.filter(text => identificationIn(text) === null).join('\n');
  return {
    tried: AT_ONCE,
    answered: answered.length,
    // OpenSSH's own words (sshd.c).
    turnedAway: /^Not allowed at this time/m.test(away)
      ? 'penalty'
      : /^Exceeded MaxStartups/m.test(away)
        ? 'too-many'
        : null,
    software: answered.length > 0 ? identificationIn(answered[0]!) : null,
  };
}

/** What stands behind `SSH-2.0-`, without what no identification may hold. */
function identificationIn(text: string): string | null {
  const [, said] = /^SSH-(?:2\.0|1\.99)-([^\r\n]*)\r?\n/m.exec(text) ?? [];
  return said === undefined ? null : said.replace(/[^\x20-\x7e]/g, '?').slice(0, 100);
}

function greetingOf(socket: Socket, ms: number, signal: AbortSignal): Promise<string> {
  return new Promise(resolve => {
    let said = '';
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve(said);
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
    socket.on('data', (bytes: Buffer) => {
      said = (said + bytes.toString('latin1')).slice(0, LONGEST);
      if (identificationIn(said) !== null || said.length === LONGEST) done();
    });
    socket.once('close', done);
    if (signal.aborted) done();
  });
}
