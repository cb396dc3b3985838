import type { Cell } from '../../domain/cell.ts';
import type { Target } from '../../domain/target.ts';
import type { Side } from './side.ts';
import type { Situation } from './situations.ts';
import type { Standing } from './standing.ts';

/** One cell on one target, as both versions have it. */
export interface Pair {
  readonly before: Stand;
  readonly after: Stand;
}

/** A cell on a target in one version. */
export interface Stand {
  readonly side: Side;
  readonly cell: Cell;
  readonly target: Target;
}

/** A pair on the target of this name, with the squads that are in R of both. */
export interface CommonPair {
  readonly pair: Pair;
  readonly name: string;
  readonly squads: readonly string[];
}

/** Both versions of a pair in one situation. */
export interface Moment {
  readonly situation: Situation;
  readonly before: Standing;
  readonly after: Standing;
}
