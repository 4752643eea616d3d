/**
 * Loaded into a process of the bot: its wall clock is wrong by `?minutes=N`, and SIGUSR2 sets it back by an hour, as
 * after a correction. Timers and `performance.now()` go on as they do on a real machine.
 */
const HOUR_MS = 3_600_000;
const Real = Date;
let offsetMs = Number(new URL(import.meta.url).searchParams.get('minutes')) * 60_000;
process.on('SIGUSR2', () => {
  offsetMs -= HOUR_MS;
});

globalThis.Date = new Proxy(Real, {
  construct: (_target, args: unknown[], type) =>
    Reflect.construct(Real, args.length === 0 ? [Real.now() + offsetMs] : args, type) as Date,
  apply: () => new Real(Real.now() + offsetMs).toString(),
  get: (target, name) =>
    name === 'now' ? () => Real.now() + offsetMs : (Reflect.get(target, name) as unknown),
});
