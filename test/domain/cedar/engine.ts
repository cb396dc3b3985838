import { setFlagsFromString } from 'node:v8';
import {
  getCedarVersion,
  preparsePolicySet,
  type StatefulAuthorizationCall,
  statefulIsAuthorized,
} from '@cedar-policy/cedar-wasm/nodejs';

// Node 20's V8 dies ("unreachable code" in its Deoptimizer) when it gives up code into which it has inlined a call of
// WebAssembly whose caller was optimised: three of four runs of the bench did. Without that inlining none does.
setFlagsFromString('--no-turbo-inline-js-wasm-calls');

export const version = (): string => getCedarVersion();

/** @throws Error where the policies do not parse */
export function preparse(id: string, policies: string): void {
  const answer = preparsePolicySet(id, { staticPolicies: policies });
  if (answer.type === 'failure') throw new Error(answer.errors.map(error => error.message).join('; '));
}

/** @throws Error where Cedar could not say: a policy that does not evaluate counts for nothing, a `forbid` too */
export function isAllowed(call: StatefulAuthorizationCall): boolean {
  const answer = statefulIsAuthorized(call);
  if (answer.type === 'failure') throw new Error(answer.errors.map(error => error.message).join('; '));
  const { errors } = answer.response.diagnostics;
  if (errors.length > 0) throw new Error(errors.map(({ error }) => error.message).join('; '));
  return answer.response.decision === 'allow';
}
