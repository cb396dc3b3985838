import type { Session } from './answers.ts';
import { idPart, openClient } from './client.ts';
import { answerIsNo } from './failure.ts';
import { bytes, jsonText } from './output.ts';
import { printTo, saveTo } from './save.ts';
import type { Terminal } from './terminal.ts';

/** `sallyport replay ID [--output FILE | -]`: downloads the recording and holds it against its hash. */
export async function replay(
  terminal: Terminal,
  id: string,
  options: { output?: string; json?: boolean },
): Promise<void> {
  const client = openClient(terminal.client());
  const session = await client.get<Session>(`/sessions/${idPart(id)}`);
  const download = await client.download(`/sessions/${id}/recording`);
  const toOutput = options.output === '-';
  const file = options.output ?? `${id}.cast`;
  const { size, sha256 } = await (toOutput ? printTo(terminal, download) : saveTo(terminal, download, file));
  const known = session.recording?.sha256 ?? null;
  const matches = known === null ? null : known === sha256;
  if (options.json && !toOutput)
    terminal.output.write(jsonText({ session: id, file, size, sha256, matches }));
  if (matches === false) {
    throw answerIsNo(
      `the recording (SHA-256 ${sha256}) is not the one that the session ended with (${known}): do not trust it, and check the log with sallyport audit verify`,
    );
  }
  if (options.json || toOutput) return;
  const whole = matches
    ? 'its SHA-256 is that of the session'
    : 'the session still runs, so this is its beginning';
  terminal.output.write(
    `Wrote ${file} (${bytes(size)}); ${whole}.\nPlay it: asciinema play ${quoted(file)}\n`,
  );
}

/** A path as a shell takes it. */
const quoted = (path: string): string => {
  const safe = path.startsWith('-') ? `./${path}` : path;
  return /^[\w./@%+=:,-]+$/.test(safe) ? safe : `'${safe.replaceAll("'", `'\\''`)}'`;
};
