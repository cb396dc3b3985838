/** How a target is reached. */
export type Protocol = 'ssh' | 'postgres' | 'web';
