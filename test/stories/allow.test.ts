/** Protected files: refused by name and content, and let through by a maintainer, exactly as shown. */
import { createHash } from 'node:crypto';
import { afterAll, expect, jest, test } from '@jest/globals';
import { finish, shell, type Story } from '../support/one-story.ts';
import { startStage, type Stage } from '../support/story.ts';

jest.setTimeout(300_000);

let opened: Promise<Stage> | null = null;
const open = (): Promise<Stage> => (opened ??= startStage());
afterAll(async () => (await opened)?.close());

const EVIL = ['# /close', '# ```', '# </details> @dana Closes #1 https://evil.example/x'];

/** What a builder leaves in the CI configuration, besides a file that nobody protects. */
function touch(lines: readonly string[]): ReturnType<typeof shell> {
  const added = lines.map((line) => `'${line}'`).join(' ');
  return shell(`printf '%s\\n' ${added} >> .gitlab-ci.yml; echo fine > a.txt`);
}

async function textOn(story: Story, ref: string): Promise<string> {
  const where = `/projects/${story.project.id}/repository/files/.gitlab-ci.yml?ref=${encodeURIComponent(ref)}`;
  const file = (await story.stage.rest('sam', 'GET', where)) as { content: string };
  return Buffer.from(file.content, 'base64').toString();
}

const blobOf = (text: string): string =>
  createHash('sha1')
    .update(`blob ${Buffer.byteLength(text)}\0${text}`)
    .digest('hex');

test.concurrent('only a maintainer lets it through, and only what was shown', async () => {
  const stage = await open();
  const project = await stage.project('allow/exactly');
  const turns = [touch(EVIL), finish()];
  await stage.tell('Speeds the pipeline up', { project, turns }, async (story) => {
    const asked = await story.comment('sam', '/autodev implement');
    const refused = await story.ends('refused');
    const proposed = `${await textOn(story, 'main')}${EVIL.join('\n')}\n`;
    const blob = blobOf(proposed);
    const command = `/autodev allow .gitlab-ci.yml at ${blob.slice(0, 10)}`;
    expect(refused).toContain(`\`${command}\``);
    // The file is shown, and nothing in it acts.
    expect(refused).toMatch(/^\+# .?\/close$/m);
    expect(refused).not.toContain('https://evil');
    expect(refused).not.toContain('Closes #1 ');
    expect(story.issue.state).toBe('opened');
    expect(story.changes()).toEqual([]);

    const no = async (person: 'sam' | 'dana', text: string, answer: RegExp): Promise<void> => {
      const said = await story.comment(person, text);
      await story.expectNote(answer, { inThreadOf: said });
      await story.expectReactions(said, ['x']);
    };
    await no('sam', command, /needs Maintainer here; @sam is Developer/);
    await no('dana', '/autodev allow .gitlab-ci.yml at 1234567', /nothing was let through/);
    await no('dana', `/autodev allow a.txt at ${blob}`, /is not among the protected files/);
    await no('dana', '/autodev allow .gitlab-ci.yml', /names no file with the id/);
    await stage.settled();
    expect(story.changes()).toEqual([]);

    const yes = await story.comment('dana', command);
    await story.status(/^### AutoDev · .* · running · /m);
    const status = await story.ends('done');
    await story.expectReactions(yes, ['white_check_mark']);
    await story.expectReactions(asked, ['eyes', 'white_check_mark', 'x']);
    expect(status).not.toContain('What would be let through');
    const [change, ...more] = story.changes();
    expect(more).toEqual([]);
    expect(await textOn(story, change?.sourceBranch ?? '')).toBe(proposed);
    expect(await story.runs()).toHaveLength(1);

    await no('dana', command, /Nothing here was refused/);
  });
});

test.concurrent('another result needs another leave', async () => {
  const stage = await open();
  const project = await stage.project('allow/again');
  let round = 0;
  const turns = [() => touch([`# round ${(round += 1)}`]), finish()];
  await stage.tell('Changes its mind', { project, turns }, async (story) => {
    await story.comment('sam', '/autodev implement');
    const first = /at ([0-9a-f]{10})`/.exec(await story.ends('refused'))?.[1] ?? '';
    await story.comment('sam', '/autodev retry');
    await story.status(/round 2/);
    const second = /at ([0-9a-f]{10})`/.exec(await story.ends('refused'))?.[1] ?? '';
    expect(second).not.toBe(first);
    const old = await story.comment('dana', `/autodev allow .gitlab-ci.yml at ${first}`);
    await story.expectNote(new RegExp(`is \`${second}\`, not \`${first}\``), { inThreadOf: old });
    await stage.settled();
    expect(story.changes()).toEqual([]);
  });
});
