import { spawn } from 'node:child_process';
import type { CastName } from './cast.ts';
import type { Stage } from './stage.ts';

/** Somebody at a prompt, through the stock client. */
export interface LiveShell {
  type(text: string): void;
  sees(pattern: RegExp): Promise<void>;
  screen(): string;
  /** When the client ended, milliseconds since the epoch. */
  readonly ended: Promise<number>;
  end(): void;
}

/** A shell with a terminal, through the stock client, that stays open. */
export async function openShell(stage: Stage, name: CastName): Promise<LiveShell> {
  const child = spawn('ssh', [...(await stage.sshOptions(name)), '-tt', 'root@db01@localhost']);
  let seen = '';
  const watchers = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      seen += text;
      for (const look of watchers) look();
    });
  }
  child.stdin.on('error', () => {});
  const ended = new Promise<number>(resolve => child.once('close', () => resolve(Date.now())));
  return {
    type: text => child.stdin.write(text),
    screen: () => seen,
    ended,
    end: () => child.kill(),
    sees: pattern =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (!pattern.test(seen)) return;
          watchers.delete(look);
          resolve();
        };
        watchers.add(look);
        void ended.then(() =>
          reject(new Error(`the session ended before it showed ${pattern}: ${seen.slice(-300)}`)),
        );
        look();
      }),
  };
}
