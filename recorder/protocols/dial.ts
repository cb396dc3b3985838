import { connect, type Socket } from 'node:net';

/** Connects. Rejects with the system's error, or after `ms`; a socket that came out of it ends no process by an error. */
export function dial(
  to: { readonly host: string; readonly port: number },
  ms: number,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: to.host, port: to.port, noDelay: true });
    const fail = (cause: Error) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      socket.destroy();
      reject(cause);
    };
    const abort = () => fail(new Error('the session has ended'));
    const timer = setTimeout(() => fail(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })), ms);
    // It stays: a socket without a listener for errors would end the process.
    socket.on('error', fail);
    signal.addEventListener('abort', abort);
    if (signal.aborted) return abort();
    socket.once('connect', () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      resolve(socket);
    });
  });
}

/** The system's own code of an error, or words of ours: what the far side says goes into no report. */
export const codeOf = (error: unknown): string => {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,60}$/.test(code) ? code : 'the connection broke';
};
