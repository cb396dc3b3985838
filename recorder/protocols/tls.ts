import type { Socket } from 'node:net';
import { connect } from 'node:tls';

/** Whether TLS is spoken on a connection. Whose certificate it is, is not looked at: nothing is sent over it. */
export function speaksTls(socket: Socket, host: string, ms: number): Promise<'spoken' | 'failed'> {
  return new Promise(resolve => {
    const secure = connect({
      socket,
      servername: /^[\d.]+$|:/.test(host) ? '' : host,
      rejectUnauthorized: false,
    });
    const told = (answer: 'spoken' | 'failed') => {
      clearTimeout(timer);
      secure.destroy();
      resolve(answer);
    };
    const timer = setTimeout(told, ms, 'failed');
    secure.once('secureConnect', () => told('spoken'));
    secure.on('error', () => told('failed'));
    secure.once('close', () => told('failed'));
  });
}
