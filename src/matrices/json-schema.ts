import { z } from 'zod';
import { expectationsSchema } from './expectations-schema.ts';
import { TAKEN_OUT } from './extend.ts';
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
  const whole = document === 'matrix' ? onLibrary(rest as Block) : rest;
  return `${JSON.stringify({ $schema, title, ...whole }, null, 2)}\n`;
}

interface Block {
  readonly description?: string;
  readonly properties: Readonly<Record<string, Block>>;
  readonly required?: readonly string[];
  readonly additionalProperties: Block;
  readonly items: Block;
}

/** What a matrix writes that builds on a library: parts of rows, and words that take a part out. */
function onLibrary(matrix: Block): object {
  const { calendars, services, rules } = matrix.properties as Record<
    'calendars' | 'services' | 'rules',
    Block
  >;
  const service = services.additionalProperties;
  const activities = service.properties.activities!;
  const rule = rules.items;
  const partly = {
    calendars: named(calendars, calendars.additionalProperties),
    services: named(
      services,
      parts(service, { activities: named(activities, parts(activities.additionalProperties, {})) }),
    ),
    rules: {
      ...rules,
      items: {
        ...rule,
        properties: { ...rule.properties, require: orTakenOut(rule.properties.require!, [TAKEN_OUT]) },
      },
    },
  };
  return {
    ...matrix,
    required: matrix.required?.filter(key => key !== 'services'),
    properties: { ...matrix.properties, ...partly },
    if: { required: ['extends'] },
    else: { required: ['services'], properties: { calendars, services, rules } },
  };
}

/** A block of names, each of which may be taken out. */
const named = (block: Block, inside: object): object => ({
  ...block,
  additionalProperties: orTakenOut(inside, [TAKEN_OUT, null]),
});

/** A block of which any keys may be written, and each be taken out. */
function parts(block: Block, instead: Readonly<Record<string, object>>): object {
  const { description, properties, additionalProperties } = block;
  const loose = Object.entries(properties).map(([key, value]) => [
    key,
    instead[key] ?? orTakenOut(value, [TAKEN_OUT]),
  ]);
  return { type: 'object', properties: Object.fromEntries(loose), additionalProperties, description };
}

const orTakenOut = (
  schema: { readonly description?: string },
  words: readonly (string | null)[],
): object => ({
  ...(schema.description === undefined ? {} : { description: schema.description }),
  anyOf: [schema, { enum: words }],
});
