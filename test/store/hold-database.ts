// A broker's worth of process for the tests: starts the embedded database in argv[2], says so on one line, and
// stays until it is killed or its standard input closes.
import { startEmbeddedPostgres } from '../../src/store/embedded-postgres.ts';

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
try {
  const database = await startEmbeddedPostgres({ dataFolder: process.argv[2] as string, logger: silent });
  console.log(JSON.stringify({ socketFolder: database.socketFolder, pid: database.pid }));
  process.stdin.resume().once('end', () => database.stop());
} catch (error) {
  console.log(JSON.stringify({ code: (error as { code?: string }).code, message: (error as Error).message }));
}
