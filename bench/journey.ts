/**
 * Forge calls of one run from the command to the deployment, by stage: all of them, those that write, and
 * those that had to wait for each other. GitLab answers after a fixed pause, so that calls which are
 * made at once overlap.
 */
import { followFeature } from '../sandbox/demo/follow-feature.ts';
import { createClient } from '../sandbox/demo/follow.ts';
import { SILENT } from '../sandbox/demo/view.ts';
import type { CallRecord } from '../sandbox/gitlab/rest/call-log.ts';
import { SAMPLE_ISSUES } from '../sandbox/sample-project.ts';
import { startStage, type Stage } from '../test/support/story.ts';
import { figure, longestChain, type Effort, type Figure } from './figure.ts';

const LATENCY_MS = 40;
const LOOK_MS = 20;
const LIMIT_MS = 400_000;
/** The shipped pause between edits of the status comment that nobody waits for. */
const STATUS_SECONDS = 45;

interface Entered {
  stage: string;
  at: number;
}

export async function benchJourney(effort: Effort): Promise<Figure[]> {
  effort.say('journey: from /autodev plan to the deployment');
  const stage = await startStage({
    database: 'embedded',
    settings: (settings) => {
      settings.limits.statusSeconds = STATUS_SECONDS;
    },
  });
  try {
    return await walk(stage);
  } finally {
    await stage.close();
  }
}

async function walk(stage: Stage): Promise<Figure[]> {
  const { gitlab, people, project } = stage.world;
  const sam = createClient(gitlab.url, people.sam.token);
  const dana = createClient(gitlab.url, people.dana.token);
  const issues = `/projects/${project.id}/issues`;
  const { iid } = await sam.send<{ iid: number }>('POST', issues, SAMPLE_ISSUES.feature);
  await stage.settled();
  gitlab.calls.clear();
  gitlab.weather.calls({}, { kind: 'latency', ms: LATENCY_MS }, { times: Infinity });
  const entered: Entered[] = [{ stage: 'start', at: performance.now() }];
  const watch = setInterval(() => void noteStage(stage, entered), LOOK_MS);
  try {
    await sam.send('POST', `${issues}/${iid}/notes`, { body: '/autodev plan' });
    const where = { project: project.id, iid, limitMs: LIMIT_MS };
    await followFeature({ sam, dana }, SILENT, where);
    await stage.settled();
  } finally {
    clearInterval(watch);
  }
  const own = gitlab.calls.all.filter(({ user }) => user === 'autodev');
  const figures = entered.flatMap(({ stage: name, at }, index) => {
    const until = entered[index + 1]?.at ?? Infinity;
    return figuresOf(
      name,
      own.filter(({ from }) => from >= at && from < until),
    );
  });
  return [...figures, ...figuresOf('all', own)];
}

/** The run's stage when it is another than before; a fix loop comes to the same stage again. */
async function noteStage(stage: Stage, entered: Entered[]): Promise<void> {
  const [row] = await stage.rows<{ stage: string; round: number }>(
    'select stage, round from runs order by id desc limit 1',
  );
  if (!row) return;
  const name = row.round === 0 || row.stage === 'end' ? row.stage : `${row.stage}_${row.round}`;
  if (entered.some((known) => known.stage === name)) return;
  entered.push({ stage: name, at: performance.now() });
}

function figuresOf(name: string, calls: readonly CallRecord[]): Figure[] {
  const spans = calls.map(({ from, to }) => ({ from, to: to ?? from }));
  const writes = calls.filter(({ method }) => method !== 'GET' && method !== 'HEAD').length;
  return [
    figure(`journey.${name}.calls`, calls.length, 'calls'),
    figure(`journey.${name}.writes`, writes, 'calls'),
    figure(`journey.${name}.in_sequence`, longestChain(spans), 'calls'),
  ];
}
