/**
 * What a program with an environment of its own gets so that it finds its modules compiled: where `npm test`
 * keeps them. Never for a job: what it runs must not choose what others run.
 */
export function compiled(): Record<string, string> {
  const dir = process.env['NODE_COMPILE_CACHE'];
  return dir === undefined ? {} : { NODE_COMPILE_CACHE: dir };
}
