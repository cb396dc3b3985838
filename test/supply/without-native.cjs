// Loaded before a program of the tests: no compiled part of ssh2 can be loaded, as where there was no compiler.
const Module = require('node:module');
const load = Module._extensions['.node'];
Module._extensions['.node'] = (module, file) => {
  if (/[\\/](sshcrypto|cpufeatures)\.node$/.test(file)) throw new Error(`${file}: not built here`);
  return load(module, file);
};
