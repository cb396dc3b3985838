#!/usr/bin/env node
// The program is TypeScript run as it is: tsx registers a loader, then the command line starts.
import { register } from 'tsx/esm/api';

register();
await import('./main.ts');
