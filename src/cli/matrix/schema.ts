import { DOCUMENT_NAMES, type DocumentName, jsonSchemaOf } from '../../matrices/json-schema.ts';
import { nearestOf } from '../../matrices/problem.ts';
import { type Said, wrong } from './said.ts';

/** `matrix schema`: the JSON Schema of one of the files, for editors. */
export function schemaAction(document: string): Said {
  if (DOCUMENT_NAMES.includes(document as DocumentName)) {
    return { code: 0, out: jsonSchemaOf(document as DocumentName), err: '' };
  }
  const near = nearestOf(document, DOCUMENT_NAMES);
  const hint = near ? ` Did you mean ${near}?` : '';
  return wrong(`${document}: expected one of ${DOCUMENT_NAMES.join(', ')}.${hint}`);
}
