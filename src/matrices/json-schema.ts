import { z } from 'zod';
import { expectationsSchema } from './expectations-schema.ts';
import { matrixSchema } from './schema.ts';
import { inventorySchema } from './targets-schema.ts';

/** The three files by the name of their schema, and what an editor calls it. */
const DOCUMENTS = {
  matrix: { schema: matrixSchema, title: 'Sallyport: the responsibility matrix of one tenant' },
  targets: { schema: inventorySchema, title: 'Sallyport: what can be reached' },
  expectations: { schema: expectationsSchema, title: 'Sallyport: what the matrix must answer' },
} as const;

export type DocumentName = keyof typeof DOCUMENTS;
export const DOCUMENT_NAMES = Object.keys(DOCUMENTS) as DocumentName[];

/**
 * The JSON Schema (draft 2020-12) of one file, as text: from the schema that reads the file, so what it refuses, the
 * reader refuses. The reader refuses more: names that are nowhere, calendars that do not parse, a second A.
 */
export function jsonSchemaOf(document: DocumentName): string {
  const { schema, title } = DOCUMENTS[document];
  const { $schema, ...rest } = z.toJSONSchema(schema, { target: 'draft-2020-12', io: 'input' });
  return `${JSON.stringify({ $schema, title, ...rest }, null, 2)}\n`;
}
