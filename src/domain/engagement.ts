import type { Binding } from './binding.ts';
import type { Matrix } from './matrix.ts';
import type { Inventory } from './target.ts';

/** One tenant's matrix and inventory, read and found sound; frozen. `digest` names both. */
export interface Engagement {
  tenant: string;
  digest: string;
  matrix: Matrix;
  targets: Inventory;
  /**
   * Whom the emails that the matrix names mean, as both parties signed it. Absent where nothing was signed: then
   * whoever first signed in with an email is the one.
   */
  bindings?: readonly Binding[];
}
