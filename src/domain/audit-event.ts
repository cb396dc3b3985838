/**
 * Every action that may stand in the log, with what its `data` holds. `src/audit/FORMAT.md` describes the same
 * list for readers; a test holds the two together. Keys of `data` are snake_case; times are RFC 3339 in UTC;
 * durations are whole seconds unless the key says otherwise; `*_hash` is salted (see FORMAT.md).
 */
export interface AuditData {
  'matrix.proposed': {
    digest: string;
    document: string;
    version: string;
    change: string | null;
    base: string | null;
    note_hash: string | null;
  };
  'matrix.signed': {
    digest: string;
    document: string;
    party: string;
    squad: string;
    authenticated_at: string;
  };
  'matrix.closed': { document: string; reason: 'withdrawn' | 'outdated' | 'replaced' };
  'matrix.in-force': {
    digest: string;
    version: string;
    previous: string | null;
    signed: boolean;
    document: string | null;
    proposal: string | null;
    signatures: { party: string; person: string; squad: string }[];
  };
  'binding.confirmed': { email: string; issuer: string; subject: string; previous: string | null };
  'person.signed-in': {
    name: string;
    email: string | null;
    issuer: string;
    subject: string;
    groups: string[];
    authenticated_at: string;
  };
  'person.signed-out': Record<string, never>;
  'person.bound': { email: string; issuer: string; subject: string };
  'token.issued': { token: string; expires_at: string };
  'token.revoked': { token: string };
  'device.confirmed': { client: string; address: string; token: string; expires_at: string };
  'device.refused': { client: string; address: string };
  'key.added': { fingerprint: string; type: string };
  'key.removed': { fingerprint: string };
  'terminal.signed-in': { address: string };
  'host-key.unpinned': { target: string; fingerprint: string };
  'host-key.pinned': { target: string; fingerprint: string; type: string };
  'ca.created': { protocol: string; public_key: string };
  'log.key': { vkey: string };
  'sealing-key.rotated': { key: string; retired: string[]; secrets: number };
  'backup.taken': { manifest: string; entries: number };
  'backup.restored': { manifest: string; taken_at: string; entries: number; grants: number };
  'request.refused': RequestFacts & { code: string; explanation: readonly string[] };
  'request.submitted': RequestFacts & {
    digest: string;
    answer: 'needs-approval' | 'pre-approved';
    approvers: readonly string[];
    co_approve: readonly string[];
    expires_at: string | null;
    explanation: readonly string[];
  };
  'request.observed': RequestFacts & {
    digest: string;
    answer: 'needs-approval' | 'pre-approved';
    approvers: readonly string[];
    co_approve: readonly string[];
    explanation: readonly string[];
  };
  'request.amended': RequestFacts & { digest: string; previous: string | null };
  'request.approved': {
    digest: string;
    place: string;
    cell: string;
    matrix: string;
    reason_hash: string | null;
  };
  'request.denied': { digest: string; reason_hash: string | null };
  'request.withdrawn': Record<string, never>;
  'request.expired': { asked: string[]; escalated: string[] };
  'grant.opened': {
    request: string;
    person: string;
    target: string;
    protocol: string;
    role: string;
    cell: string;
    starts_at: string;
    ends_at: string;
  };
  'grant.ended': { reason: string; ended_at: string };
  'session.refused': { code: string; protocol: string; address: string };
  'session.admitted': {
    grant: string;
    person: string;
    target: string;
    protocol: string;
    role: string;
    kind: string;
    command_hash: string | null;
    address: string;
    deadline: string;
    recording: string;
  };
  'credential.issued': {
    session: string | null;
    serial: string;
    certificate: string;
    principal: string;
    source_address: string;
    valid_after: string;
    valid_before: string;
  };
  'preflight.run': {
    preflight: string;
    at: string;
    activity: string | null;
    matrix: string;
    targets: string[];
    tried: number;
    checks: number;
    failed: number;
    unknown: number;
  };
  'session.terminated': Record<string, never>;
  'session.incident': { kind: string; detail: string };
  'recording.segment': { index: number; offset: number; length: number; sha256: string };
  'session.ended': {
    reason: string;
    ended_at: string;
    cut_delay_ms: number | null;
    exit_status: number | null;
    bytes_in: number | null;
    bytes_out: number | null;
    recording: { size: number; sha256: string; segments: number } | null;
  };
  'recording.viewed': { session: string };
  'log.exported': { entries: number };
  'message.delivered': { kind: string; channel: string; about: string | null; attempts: number };
  'message.failed': { kind: string; channel: string; about: string | null; attempts: number };
  'lockout.begun': { reason_hash: string | null; grants: number; sessions: number };
  'lockout.lifted': Record<string, never>;
}

/** What was asked, as the log keeps it. Free text stands beside the log; here it is a salted hash. */
export interface RequestFacts {
  person: string;
  party: string;
  target: string;
  cell: string | null;
  protocol: string;
  role: string;
  seconds: number;
  ticket: string | null;
  severity: string | null;
  starts_at: string | null;
  matrix: string;
  reason_hash: string;
}

export type AuditAction = keyof AuditData;

/**
 * One event before it has its place in a chain. `actor` is `person:<id>`, `broker` or `gateway:<name>`;
 * `subject` is the id of what it is about (`req_…`, `g_…`, `s_…`, `p_…`, `msg_…`, `target:<name>`, `tenant:<name>`).
 */
export type AuditEvent = {
  [A in AuditAction]: { tenant: string; action: A; actor: string; subject: string; data: AuditData[A] };
}[AuditAction];
