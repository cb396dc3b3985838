import type { Matrix } from './matrix.ts';
import type { Inventory } from './target.ts';

/** One tenant's matrix and inventory, read and found sound; frozen. `digest` names both. */
export interface Engagement {
  tenant: string;
  digest: string;
  matrix: Matrix;
  targets: Inventory;
}
