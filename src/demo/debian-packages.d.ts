/** One program that must be there, and the Debian packages that bring it. */
export interface Need {
  program: string;
  packages: string[];
}

export declare const NEEDS: Readonly<
  Record<
    'sshd' | 'ssh' | 'scp' | 'chromium' | 'asciinema' | 'script' | 'pgrep' | 'mkfs' | 'postgres' | 'faketime',
    Need
  >
>;

export declare class PackagesMissing extends Error {
  readonly code: 'needs-packages';
}

/** What the function asks of the machine, for tests to stand in for. */
export interface Machine {
  find(program: string): boolean;
  isRoot(): boolean;
  /** Null when it went well, else what went wrong. */
  run(program: string, args: string[]): string | null;
  say(line: string): void;
  policyFile: string;
}

/** See `debian-packages.js`, where the words and the code are. */
export declare function ensurePrograms(needs: readonly Need[], machine?: Partial<Machine>): string[];
