import { createPublicKey, verify } from 'node:crypto';
import { BlockList, isIP } from 'node:net';

const CERTIFICATE = 'ssh-ed25519-cert-v01@openssh.com';
const USER = 1;

/** The parts of a user certificate (OpenSSH PROTOCOL.certkeys) that a host decides by. */
export interface UserCertificate {
  readonly publicKey: Buffer;
  readonly serial: bigint;
  readonly keyId: string;
  readonly type: number;
  readonly principals: readonly string[];
  /** Seconds since 1970, `validBefore` itself not included. */
  readonly validAfter: bigint;
  readonly validBefore: bigint;
  readonly criticalOptions: ReadonlyMap<string, Buffer>;
  readonly extensions: ReadonlySet<string>;
  /** The CA's key in SSH form. */
  readonly signedBy: Buffer;
}

export interface Admission {
  /** The CA keys in SSH form that may sign. */
  readonly authorities: readonly Buffer[];
  readonly principals: readonly string[];
  readonly address: string;
  readonly now: Date;
}

/**
 * Whether a certificate lets its holder in here and now; if not, why. It does not prove that somebody holds the
 * key: see `holdsKey`.
 */
export function admits(
  data: Buffer,
  given: Admission,
): { certificate: UserCertificate } | { refusal: string } {
  const read = readCertificate(data);
  if (!read) return { refusal: 'not an Ed25519 user certificate' };
  const { certificate, signed, signature } = read;
  const { type, signedBy, principals, criticalOptions } = certificate;

  if (!given.authorities.some(authority => authority.equals(signedBy))) return { refusal: 'another CA' };
  const authority = ed25519Of(signedBy);
  const raw = ed25519Signature(signature);
  if (!authority || !raw || !verify(null, signed, authority, raw))
    return { refusal: 'the signature does not hold' };
  if (type !== USER) return { refusal: 'not a user certificate' };

  const now = BigInt(Math.floor(given.now.getTime() / 1000));
  if (now < certificate.validAfter) return { refusal: 'not yet valid' };
  if (now >= certificate.validBefore) return { refusal: 'expired' };
  // An empty list would stand for everybody; with principals named on the host, sshd refuses that too.
  if (!principals.some(principal => given.principals.includes(principal)))
    return { refusal: 'no principal fits' };

  for (const [name, value] of criticalOptions) {
    if (name !== 'source-address') return { refusal: `unknown critical option ${name}` };
    const list = new Reader(value).string()?.toString();
    if (list === undefined || !addressIn(given.address, list)) return { refusal: 'another source address' };
  }
  return { certificate };
}

/** Whether `signature` (an SSH signature, or its 64 bytes alone) over `blob` was made with the certified key. */
export function holdsKey(certificate: UserCertificate, blob: Buffer, signature: Buffer): boolean {
  const key = ed25519FromBytes(certificate.publicKey);
  const raw = signature.length === 64 ? signature : ed25519Signature(signature);
  return key !== undefined && raw !== undefined && verify(null, blob, key, raw);
}

/** The keys of lines such as `ssh-ed25519 AAAA… comment`, in SSH form. */
export function readAuthorities(lines: string): Buffer[] {
  return lines
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line => {
      const key = Buffer.from(line.split(/\s+/)[1] ?? '', 'base64');
      if (!ed25519Of(key)) throw new Error(`no ssh-ed25519 key: ${line.slice(0, 40)}`);
      return key;
    });
}

function readCertificate(data: Buffer) {
  const reader = new Reader(data);
  const name = reader.string()?.toString();
  const nonce = reader.string();
  const publicKey = reader.string();
  const serial = reader.uint64();
  const type = reader.uint32();
  const keyId = reader.string()?.toString();
  const principals = readStrings(reader.string());
  const validAfter = reader.uint64();
  const validBefore = reader.uint64();
  const critical = readOptions(reader.string());
  const extensions = readOptions(reader.string());
  const reserved = reader.string();
  const signedBy = reader.string();
  const signed = data.subarray(0, reader.offset);
  const signature = reader.string();
  const whole =
    nonce !== undefined &&
    reserved !== undefined &&
    reader.offset === data.length &&
    publicKey?.length === 32;
  if (name !== CERTIFICATE || !whole || serial === undefined || type === undefined || keyId === undefined)
    return null;
  if (!principals || validAfter === undefined || validBefore === undefined || !critical || !extensions)
    return null;
  if (!signedBy || !signature) return null;
  const certificate: UserCertificate = {
    publicKey: publicKey!,
    serial,
    keyId,
    type,
    principals: principals.map(String),
    validAfter,
    validBefore,
    criticalOptions: critical,
    extensions: new Set(extensions.keys()),
    signedBy,
  };
  return { certificate, signed, signature };
}

/** Reads SSH's wire form (RFC 4251); past the end everything is undefined. */
class Reader {
  offset = 0;
  readonly #data: Buffer;

  constructor(data: Buffer) {
    this.#data = data;
  }

  uint32(): number | undefined {
    return this.#take(4)?.readUInt32BE();
  }

  uint64(): bigint | undefined {
    return this.#take(8)?.readBigUInt64BE();
  }

  string(): Buffer | undefined {
    const length = this.uint32();
    return length === undefined ? undefined : this.#take(length);
  }

  get done(): boolean {
    return this.offset >= this.#data.length;
  }

  #take(length: number): Buffer | undefined {
    if (this.offset + length > this.#data.length) {
      this.offset = Number.POSITIVE_INFINITY;
      return undefined;
    }
    this.offset += length;
    return this.#data.subarray(this.offset - length, this.offset);
  }
}

function readStrings(data: Buffer | undefined): Buffer[] | undefined {
  if (!data) return undefined;
  const reader = new Reader(data);
  const strings: Buffer[] = [];
  while (!reader.done) {
    const one = reader.string();
    if (!one) return undefined;
    strings.push(one);
  }
  return strings;
}

function readOptions(data: Buffer | undefined): Map<string, Buffer> | undefined {
  const flat = readStrings(data);
  if (!flat || flat.length % 2 !== 0) return undefined;
  const options = new Map<string, Buffer>();
  for (let at = 0; at < flat.length; at += 2) options.set(String(flat[at]), flat[at + 1]!);
  return options;
}

function ed25519Of(key: Buffer) {
  const reader = new Reader(key);
  if (reader.string()?.toString() !== 'ssh-ed25519') return undefined;
  const bytes = reader.string();
  return bytes && reader.offset === key.length ? ed25519FromBytes(bytes) : undefined;
}

function ed25519FromBytes(bytes: Buffer) {
  if (bytes.length !== 32) return undefined;
  return createPublicKey({
    format: 'jwk',
    key: { kty: 'OKP', crv: 'Ed25519', x: bytes.toString('base64url') },
  });
}

function ed25519Signature(signature: Buffer): Buffer | undefined {
  const reader = new Reader(signature);
  if (reader.string()?.toString() !== 'ssh-ed25519') return undefined;
  const raw = reader.string();
  return raw?.length === 64 && reader.offset === signature.length ? raw : undefined;
}

/** Addresses and networks, with commas between them; a part that is neither fits nobody. */
function addressIn(address: string, list: string): boolean {
  const plain = address.replace(/^::ffff:/, '');
  const family = (one: string) => (isIP(one) === 6 ? 'ipv6' : 'ipv4');
  const allowed = new BlockList();
  for (const part of list.split(',')) {
    const [network = '', bits] = part.trim().split('/');
    if (isIP(network) === 0 || (bits !== undefined && !/^\d{1,3}$/.test(bits))) return false;
    const longest = isIP(network) === 6 ? 128 : 32;
    if (Number(bits ?? longest) > longest) return false;
    allowed.addSubnet(network, Number(bits ?? longest), family(network));
  }
  return isIP(plain) !== 0 && allowed.check(plain, family(plain));
}
