/**
 * A provider that is limited: the work goes on with the other one on the same transcript, the next task
 * starts there until the reset time, then the first one is first again. When both are limited, the run
 * sleeps and goes on by itself. The clock is moved by moving the reset times in the database.
 */
import { afterAll, expect, jest, test } from '@jest/globals';
import { parseConversation } from '../../sandbox/model/parse.ts';
import type { Answer, Fault, ModelCall, Provider } from '../../sandbox/model/types.ts';
import { edit, finish, shell } from '../support/one-story.ts';
import { startStage, type Stage } from '../support/story.ts';

jest.setTimeout(300_000);

const OPENAI = { provider: 'openai', model: 'gpt-6.1-sol' } as const;
const ANTHROPIC = { provider: 'anthropic', model: 'claude-sonnet-5-5' } as const;
/** Longer than the story: its end comes when the story says so. */
const LIMITED: Fault = { status: 429, headers: { 'retry-after': '1800' } };

let stage: Stage | undefined;
afterAll(() => stage?.close());

test('a limited provider makes way, and is come back to when its time is over', async () => {
  stage = await startStage({
    settings: (settings) => {
      settings.agents = { Engineer: { models: [OPENAI, ANTHROPIC] } };
    },
  });
  const { world, rows } = stage;
  const limited = new Set<Provider>();
  const play = (title: string, faultAt: number): void =>
    stage?.script(title, {
      answer: ({ provider }, turn): Answer => {
        const answers = [edit('a.txt', `${title}\n`), shell('cat a.txt'), finish()];
        const fault = limited.has(provider) && turn >= faultAt ? { fault: LIMITED } : {};
        return { text: `Step ${turn}.`, ...(answers[turn - 1] ?? finish()), ...fault };
      },
    });
  const callsOf = (title: string): ModelCall[] =>
    world.models.requests.filter(({ bodyText }) => bodyText.includes(title));
  const providersOf = (title: string): string[] =>
    callsOf(title).map((call) => call.conversation?.provider ?? '');
  const timeIsOver = async (): Promise<void> => {
    await rows(`update providers set until = now() - interval '1 second'`);
    await rows(`update runs set paused_until = now() where state = 'paused'`);
  };

  const first = 'Limited at the third turn';
  play(first, 3);
  limited.add('openai');
  await stage.tell(first, {}, async (story) => {
    await story.comment('sam', '/autodev implement');
    const status = await story.ends('done');
    expect(providersOf(first)).toEqual(['openai', 'openai', 'openai', 'anthropic']);
    // What Anthropic is told is what OpenAI had been told: every message, call, id and result.
    const [refused, next] = callsOf(first).slice(2) as [ModelCall, ModelCall];
    const before = parseConversation('responses', refused.body);
    const after = parseConversation('messages', next.body);
    expect(before.messages).toHaveLength(5);
    expect(JSON.stringify(after.messages)).toBe(JSON.stringify(before.messages));
    expect(after.system).toBe(before.system);
    expect(status).toMatch(
      /^- implement, Builder: `openai\/gpt-6\.1-sol`, then `anthropic\/claude-sonnet-5-5`$/m,
    );
    expect(status).toMatch(
      /^- implement, Builder: OpenAI answered 429 until [\d -]*\d\d:\d\d UTC; Anthropic went on\.$/m,
    );
  });

  const second = 'Started on the other one';
  play(second, 1);
  await stage.tell(second, {}, async (story) => {
    await story.comment('sam', '/autodev implement');
    const status = await story.ends('done');
    expect(providersOf(second)).toEqual(['anthropic', 'anthropic', 'anthropic']);
    expect(status).toMatch(/^- implement, Builder: `anthropic\/claude-sonnet-5-5`$/m);
    expect(status).toMatch(/OpenAI answered 429 until .* UTC; Anthropic went on\./);
  });

  await timeIsOver();
  limited.clear();
  const third = 'Come back to the first';
  play(third, 1);
  await stage.tell(third, {}, async (story) => {
    await story.comment('sam', '/autodev implement');
    const status = await story.ends('done');
    expect(providersOf(third)).toEqual(['openai', 'openai', 'openai']);
    expect(status).not.toContain('answered 429');
    expect(await rows('select 1 from providers')).toEqual([]);
  });

  limited.add('openai').add('anthropic');
  const fourth = 'Both are limited';
  play(fourth, 2);
  await stage.tell(fourth, {}, async (story) => {
    const asked = await story.comment('sam', '/autodev implement');
    const asleep = await story.status(/^### AutoDev · .* · outage · implement$/m);
    expect(asleep).toMatch(
      /^\*\*outage\*\*: OpenAI answered 429 until .* UTC; Anthropic answered 429 until .* UTC\.$/m,
    );
    expect(asleep).toContain('It continues by itself then; `/autodev cancel` stops it.');
    expect(await rows(`select 1 from attempts where state in ('waiting', 'running')`)).toEqual([]);
    await timeIsOver();
    limited.clear();
    const status = await story.ends('done');
    expect(status).toMatch(/^- implement, Builder, attempt 2: finished/m);
    await story.expectReactions(asked, ['eyes', 'white_check_mark']);
    expect(await story.runs()).toHaveLength(1);
  });
});
