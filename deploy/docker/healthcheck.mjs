// Exits 0 when the bot in this container answers on /healthz.
const SECONDS = 4;
const url = `http://127.0.0.1:${process.env.PORT ?? 8080}/healthz`;
try {
  const response = await fetch(url, { signal: AbortSignal.timeout(SECONDS * 1000) });
  process.exitCode = response.ok ? 0 : 1;
} catch {
  process.exitCode = 1;
}
