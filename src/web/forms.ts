import type { Context } from 'hono';
import type { z } from 'zod';
import type { Env } from '../api/application.ts';

/** The text fields of a form; what was left empty is not there. Files and repeated fields are not taken. */
export async function readForm(c: Context<Env>): Promise<Record<string, string>> {
  const body = await c.req.parseBody();
  return Object.fromEntries(
    Object.entries(body).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string' && entry[1].trim() !== '',
    ),
  );
}

export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  /** One sentence a field that needs another look. */
  | { readonly ok: false; readonly problems: readonly { field: string; message: string }[] };

export function check<T extends z.ZodType>(shape: T, form: Record<string, string>): Checked<z.infer<T>> {
  const parsed = shape.safeParse(form);
  if (parsed.success) return { ok: true, value: parsed.data };
  return {
    ok: false,
    problems: parsed.error.issues.slice(0, 10).map(issue => ({
      field: String(issue.path[0] ?? ''),
      message: issue.code === 'invalid_type' ? 'is needed' : issue.message,
    })),
  };
}
