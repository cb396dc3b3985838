import { type AuditVerifyOptions, auditVerify } from './audit-verify.ts';
import { openClient } from './client.ts';
import { bytes, jsonText, plain, span } from './output.ts';
import { printTo, saveTo } from './save.ts';
import type { Terminal } from './terminal.ts';

const PATHS = { export: '/audit', checkpoint: '/audit/checkpoint' } as const;

/** `sallyport audit export` and `audit checkpoint`: the bytes as they are signed and chained. */
export async function download(
  terminal: Terminal,
  what: keyof typeof PATHS,
  options: { output?: string; tenant?: string },
): Promise<void> {
  const { output, tenant } = options;
  const coming = await openClient(terminal.client()).download(PATHS[what], { tenant });
  if (output === undefined || output === '-') {
    await printTo(terminal, coming);
    return;
  }
  const { size } = await saveTo(terminal, coming, output);
  const next = what === 'export' ? `; check it: sallyport audit verify ${output}` : '';
  terminal.errors.write(`Wrote ${output} (${bytes(size)})${next}\n`);
}

/** `sallyport audit key` */
export async function key(terminal: Terminal, options: { tenant?: string; json?: boolean }): Promise<void> {
  const { tenant } = options;
  const answer = await openClient(terminal.client()).get<{ tenant: string; vkey: string }>('/audit/key', {
    tenant,
  });
  terminal.output.write(options.json ? jsonText(answer) : `${plain`${answer.vkey}`}\n`);
}

/** `sallyport audit verify FILE …`: files alone, no broker and no sign-in. */
export async function verify(
  terminal: Terminal,
  file: string,
  options: Omit<AuditVerifyOptions, 'onProgress'>,
): Promise<number> {
  const started = performance.now();
  let told = started;
  const onProgress: AuditVerifyOptions['onProgress'] = ({ bytes: done, of }) => {
    const now = performance.now();
    if (now - told < 500) return;
    told = now;
    const rate = done / ((now - started) / 1000);
    const left = span((of - done) / rate);
    terminal.errors.write(
      `\r\x1b[K${bytes(done)} of ${bytes(of)}, ${bytes(Math.round(rate))}/s, ${left} left`,
    );
  };
  const { code, out, err } = await auditVerify(file, {
    ...options,
    ...(terminal.errorsAreScreen ? { onProgress } : {}),
  });
  if (told !== started) terminal.errors.write('\r\x1b[K');
  terminal.output.write(out);
  if (err) terminal.errors.write(`sallyport: ${err}`);
  return code;
}
