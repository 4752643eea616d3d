/** What a model is sent repeats itself byte for byte, so that providers can read it from their caches. */
import { describe, expect, test } from '@jest/globals';
import { promptsOf, repeatedShare, TURNS, type Sent } from '../../bench/prompt.ts';

const SHARE = 0.9;

describe.each(['openai', 'anthropic'] as const)('%s', (provider) => {
  let sent: Sent[] = [];
  test('every turn begins with the bytes of the turn before', async () => {
    sent = await promptsOf(provider, 'architect', ['write_spec', 'answer_question']);
    expect(sent.map(({ turn }) => turn)).toEqual([...turns(), ...turns()]);
    for (const [index, { bytes, turn }] of sent.entries()) {
      expect(bytes.length).toBeGreaterThan(1_000);
      if (turn > 1) expect(bytes.startsWith(sent[index - 1]?.bytes ?? 'nothing')).toBe(true);
    }
  });

  test('tasks of one role share tools and instructions, and what names their cache', () => {
    const [first, second] = sent.filter(({ turn }) => turn === 1).map(({ body }) => body);
    const stable = ({ tools, instructions, system, prompt_cache_key: key }: Sent['body']): string =>
      JSON.stringify([tools, instructions, system, key]);
    expect(stable(second ?? {})).toBe(stable(first ?? {}));
    expect(first?.['input'] ?? first?.['messages']).not.toEqual(
      second?.['input'] ?? second?.['messages'],
    );
    if (provider === 'openai') {
      expect(first?.['prompt_cache_key']).toMatch(/^autodev-[0-9a-f]{32}$/);
    } else {
      expect(first?.['system']).toMatchObject([
        { cache_control: { type: 'ephemeral', ttl: '1h' } },
      ]);
      expect(first?.['cache_control']).toEqual({ type: 'ephemeral' });
    }
  });

  test('at least 90 % of the input from the second turn on is such a repetition', () => {
    const oneTask = sent.filter(({ task }) => task === 'write_spec');
    expect(repeatedShare(oneTask)).toBeGreaterThanOrEqual(SHARE);
    expect(repeatedShare(sent)).toBeGreaterThanOrEqual(SHARE);
  });

  test('a clock in the instructions would show', () => {
    const ticking = sent.map((one) => ({
      ...one,
      bytes: one.bytes.replace(
        'You are the Architect',
        `At turn ${one.turn} you are the Architect`,
      ),
    }));
    expect(repeatedShare(ticking)).toBeLessThan(SHARE);
  });
});

function turns(): number[] {
  return Array.from({ length: TURNS }, (_, index) => index + 1);
}
