import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Vitals } from '../store/vitals.ts';
import { counter, exposition, type Family, gauge, histogram } from './exposition.ts';
import { askedOnce, inTime } from './in-time.ts';
import type { Instruments } from './instruments.ts';

/** A part that numbers are asked of. One that hangs or fails is left out, and the rest is told all the same. */
export interface Source {
  readonly name: string;
  families(): Promise<readonly Family[]> | readonly Family[];
}

export interface Numbers {
  /** All families as Prometheus reads them, within about a second, whatever hangs. Never rejects. */
  scrape(): Promise<string>;
  stop(): void;
}

const LIMIT_MS = 1000;
const LOOP_RESOLUTION_MS = 10;
/** What the event loop's delay is told of: at least this long, at most twice as long. */
const LOOP_WINDOW_MS = 60_000;

export function openNumbers(parts: {
  instruments: Instruments;
  vitals: () => Promise<Vitals>;
  ready: () => Promise<boolean>;
  /** The protocol of each session that runs now. */
  live: () => readonly string[];
  protocols: readonly string[];
  channels: readonly string[];
}): Numbers {
  const loop = watchEventLoop();
  const sources: Source[] = [
    { name: 'process', families: () => [...processFamilies(), ...loop.families()] },
    { name: 'broker', families: () => brokerFamilies(parts) },
    { name: 'readiness', families: async () => readyFamilies(await parts.ready()) },
    { name: 'database', families: async () => databaseFamilies(await parts.vitals(), parts.channels) },
  ];
  const asked = sources.map(({ name, families }) => {
    const once = askedOnce(async () => families());
    return async () => {
      const found = await inTime(LIMIT_MS, once()).catch(() => null);
      return { name, found };
    };
  });
  return {
    async scrape() {
      const answers = await Promise.all(asked.map(ask => ask()));
      const up = gauge(
        'sallyport_source_up',
        'Whether this part answered the scrape; its numbers are missing if not.',
        answers.map(({ name, found }) => ({ labels: { source: name }, value: found === null ? 0 : 1 })),
      );
      return exposition([up, ...answers.flatMap(({ found }) => found ?? [])]);
    },
    stop: () => loop.stop(),
  };
}

function brokerFamilies(parts: Parameters<typeof openNumbers>[0]): Family[] {
  const { instruments, protocols } = parts;
  const live = parts.live();
  return [
    gauge(
      'sallyport_sessions_live',
      'Sessions that run through this gateway now.',
      protocols.map(protocol => ({
        labels: { protocol },
        value: live.filter(name => name === protocol).length,
      })),
    ),
    histogram(
      'sallyport_cut_delay_seconds',
      'How long after its deadline the last byte of a session passed.',
      instruments.cutDelay,
    ),
    histogram(
      'sallyport_append_seconds',
      'From the start of a transaction until its log entries were on the disk.',
      instruments.append,
    ),
    counter(
      'sallyport_append_failures_total',
      'Transactions with log entries that failed; refusals are none.',
      orZero(instruments.appendFailures.samples),
    ),
    counter(
      'sallyport_http_requests_total',
      'Requests answered, by class of route and of status.',
      instruments.requests.samples,
    ),
  ];
}

const readyFamilies = (ready: boolean): Family[] => [
  gauge('sallyport_ready', 'Whether a session could be opened, recorded and logged now (/readyz).', [
    { value: ready ? 1 : 0 },
  ]),
];

function databaseFamilies({ tenants, outbox }: Vitals, channels: readonly string[]): Family[] {
  const byTenant = (name: string, help: string, of: (row: Vitals['tenants'][number]) => number | null) =>
    gauge(
      name,
      help,
      tenants.flatMap(row => {
        const value = of(row);
        return value === null ? [] : [{ labels: { tenant: row.tenant }, value }];
      }),
    );
  // A channel that is configured and has nothing to tell is at zero; one that has, and is configured no more, is told of.
  const names = [...new Set([...channels, ...outbox.map(row => row.channel)])].sort();
  const byChannel = (name: string, help: string, of: (row: Vitals['outbox'][number]) => number) =>
    gauge(
      name,
      help,
      names.map(channel => {
        const row = outbox.find(one => one.channel === channel);
        return { labels: { channel }, value: row ? of(row) : 0 };
      }),
    );
  return [
    byTenant('sallyport_requests_waiting', 'Requests that wait for an answer.', row => row.waiting),
    byTenant(
      'sallyport_requests_waiting_oldest_seconds',
      'Age of the oldest request that waits for an answer; 0: none waits.',
      row => row.oldest,
    ),
    byTenant(
      'sallyport_checkpoint_age_seconds',
      'Since the last checkpoint; a log that nothing is added to needs no new one.',
      row => row.checkpoint,
    ),
    byTenant(
      'sallyport_checkpoint_lag_seconds',
      'How long the oldest log entry that no checkpoint covers has waited for one; 0: all are covered.',
      row => row.uncovered,
    ),
    byChannel(
      'sallyport_outbox_undelivered',
      'Messages that are due or being tried.',
      row => row.undelivered,
    ),
    byChannel(
      'sallyport_outbox_oldest_seconds',
      'Age of the oldest message that is due or being tried; 0: none is.',
      row => row.oldest,
    ),
    byChannel('sallyport_outbox_failed', 'Messages given up within the last day.', row => row.failed),
  ];
}

function processFamilies(): Family[] {
  const { user, system } = process.cpuUsage();
  return [
    gauge('process_start_time_seconds', 'When the process began, seconds since the epoch.', [
      { value: Math.round(Date.now() / 1000 - process.uptime()) },
    ]),
    gauge('process_resident_memory_bytes', 'Memory that the process holds.', [
      { value: process.memoryUsage.rss() },
    ]),
    counter('process_cpu_seconds_total', 'Processor time used.', [{ value: (user + system) / 1e6 }]),
  ];
}

/** How late the event loop runs: told over a window that no scrape resets, so that two may scrape. */
function watchEventLoop(): { families(): Family[]; stop(): void } {
  const begin = () => {
    const delay = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
    delay.enable();
    return delay;
  };
  let [before, current] = [begin(), begin()];
  const turn = setInterval(() => {
    before.disable();
    [before, current] = [current, begin()];
  }, LOOP_WINDOW_MS);
  turn.unref();
  return {
    // `before` still runs: it covers this window and the one before.
    families: () => [
      gauge(
        'nodejs_eventloop_lag_seconds',
        'How late the event loop ran within the last minute or two.',
        (['0.5', '0.99', '1'] as const).map(quantile => ({
          labels: { quantile },
          // What is measured is the time between two turns of a timer: its own interval is no delay.
          value: Math.max(0, before.percentile(Number(quantile) * 100) / 1e9 - LOOP_RESOLUTION_MS / 1000),
        })),
      ),
    ],
    stop() {
      clearInterval(turn);
      before.disable();
      current.disable();
    },
  };
}

const orZero = (samples: readonly { value: number }[]) => (samples.length === 0 ? [{ value: 0 }] : samples);
