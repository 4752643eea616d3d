/** Deployments: after a merge, by command, and back again, all by the repository's own job. */
import { afterAll, expect, jest, test } from '@jest/globals';
import { stringify } from 'yaml';
import type { Story } from '../support/one-story.ts';
import { startStage, type Stage } from '../support/story.ts';
import { atGate, decide, hireTeam } from '../support/team.ts';

jest.setTimeout(300_000);

let opened: Promise<Stage> | null = null;
const open = (): Promise<Stage> => (opened ??= startStage());
afterAll(async () => (await opened)?.close());

interface Deployed {
  status: string;
  sha: string;
  environment: { name: string };
  user: { username: string };
  deployable: { id: number; name: string };
}

/** Deployments of the project as GitLab lists them, newest first. */
async function deployments(story: Story): Promise<Deployed[]> {
  const path = `/projects/${story.project.id}/deployments?order_by=id&sort=desc`;
  return (await story.stage.rest('sam', 'GET', path)) as Deployed[];
}

/** Requests that started a deploy job. */
function starts(story: Story): string[] {
  const path = new RegExp(`^/projects/${story.project.id}/jobs/\\d+/(?:play|retry)`);
  return story.stage.world.gitlab.calls
    .find('POST', path)
    .map((call) => `${call.path.replace(/^.*\//, '')} ${call.status}`);
}

/** The next request of that kind is carried out, and its answer never arrives. */
function loseAnswer(story: Story, what: 'play' | 'retry'): void {
  const path = new RegExp(`^/projects/${story.project.id}/jobs/\\d+/${what}`);
  story.stage.world.gitlab.weather.calls({ method: 'POST', path }, { kind: 'drop_reply' });
}

/** A maintainer's commit on main, once its pipeline is green; returns its id. */
async function commitOnMain(story: Story, path: string, content: string): Promise<string> {
  const base = `/projects/${story.project.id}`;
  const { id } = (await story.stage.rest('dana', 'POST', `${base}/repository/commits`, {
    branch: 'main',
    commit_message: `Change ${path}`,
    actions: [{ action: 'update', file_path: path, content }],
  })) as { id: string };
  await story.waitFor('a green pipeline on main', () =>
    story.stage.world.gitlab.api
      .pipelines(story.project.path)
      .some((pipeline) => pipeline.spec.sha === id && pipeline.status === 'success'),
  );
  return id;
}

test.concurrent(
  'a merge is deployed, and what follows it is asked for on its closed issue',
  async () => {
    const stage = await open();
    const project = await stage.project('deploys/merge', {}, { deploys: true });
    hireTeam(stage, 'Ship a file');
    await stage.tell('Ship a file', { project }, async (story) => {
      await story.comment('sam', '/autodev plan bugfix');
      await story.status(/^\| verify \| running/m);
      const code = await atGate(story, 'merge');
      await decide(story, 'dana', 'approve', code);
      const done = await story.ends('done');
      const good = code.mergeCommitSha ?? '';
      const short = good.slice(0, 8);
      expect(done).toContain(`!${code.iid} was merged as \`${short}\` and deployed to staging.`);
      expect(done).toMatch(
        new RegExp(
          `^\\| deploy \\| done \\| CI \\| \\[staging\\]\\(\\S+/-/jobs/\\d+\\) at \`${short}\``,
          'm',
        ),
      );
      expect(await deployments(story)).toMatchObject([
        {
          status: 'success',
          sha: good,
          environment: { name: 'staging' },
          user: { username: 'autodev' },
          deployable: { name: 'autodev-deploy-staging' },
        },
      ]);
      await story.waitFor('the issue to be closed', () => story.issue.state === 'closed');
      const tooLow = await story.comment('sam', '/autodev deploy');
      await story.expectNote(/needs Maintainer here; @sam is Developer/, { inThreadOf: tooLow });
      // Asked under the merged change, told on its issue.
      const again = await story.comment('dana', '/autodev deploy', { change: code.iid });
      await story.status(
        new RegExp(`\`${short}\` was deployed to staging\\. It stood there already`),
      );
      await story.expectReactions(again, ['eyes']);
      expect(starts(story)).toEqual(['play 200']);
    });
  },
);

test.concurrent(
  'a deployment that fails is told, and put back; lost answers start nothing twice',
  async () => {
    const stage = await open();
    const project = await stage.project('deploys/failure', {}, { deploys: true });
    await stage.tell('It breaks', { project }, async (story) => {
      const good = await commitOnMain(story, 'README.md', '# wordfreq\n');
      loseAnswer(story, 'play');
      await story.comment('dana', '/autodev deploy');
      await story.status(/\*\*done\*\*: `\w+` was deployed to staging\./);
      const bad = await commitOnMain(story, 'src/cli.js', 'this is no program\n');
      const asked = await story.comment('dana', '/autodev deploy');
      await story.expectReactions(asked, ['eyes', 'x']);
      const failed = await story.status(/· needs-human$/m);
      expect(failed).toMatch(
        new RegExp(
          `The \\[deployment\\]\\(\\S+\\) of \`${bad.slice(0, 8)}\` to \`staging\` failed: ` +
            `\`script_failure\`\\. \\*\\*Next\\*\\* \`/autodev rollback staging\` puts ` +
            `\`${good.slice(0, 8)}\` back`,
        ),
      );
      loseAnswer(story, 'retry');
      await story.comment('dana', '/autodev rollback');
      await story.status(
        new RegExp(`\\*\\*done\\*\\*: \`${good.slice(0, 8)}\` was put back on staging\\.`),
      );
      expect((await deployments(story)).map(({ status, sha }) => [status, sha])).toEqual([
        ['success', good],
        ['failed', bad],
        ['success', good],
      ]);
      expect(starts(story)).toEqual(['play 200', 'play 200', 'retry 201']);
    });
  },
);

test.concurrent(
  'several environments: one has to be named, and deploying twice is no harm',
  async () => {
    const stage = await open();
    const ci = stringify({
      include: ['staging', 'production'].map((environment) => ({
        remote: `${stage.world.gitlab.url}/autodev/ci-templates/-/raw/main/jobs/deploy.yml`,
        inputs: { environment, job: '.ship', stage: 'test' },
      })),
      '.autodev-agent-pipeline-never': { rules: [{ if: '$NOBODY', when: 'never' }] },
      '.ship': { script: ['true'] },
      test: { script: ['true'] },
    });
    const project = await stage.project('deploys/several', { '.gitlab-ci.yml': ci });
    await stage.tell('Two places', { project }, async (story) => {
      const head = await commitOnMain(story, 'README.md', '# Two places\n');
      await story.comment('dana', '/autodev deploy');
      const refused = await story.status(/· refused$/m);
      expect(refused).toContain('There are several environments (`production`, `staging`)');
      await story.comment('dana', '/autodev deploy qa');
      await story.status(
        /There is no deploy job for `qa`; there is one for `production`, `staging`/,
      );
      const wrong = await story.comment('dana', '/autodev deploy to production');
      await story.expectNote(/`to production` is no name of an environment/, { inThreadOf: wrong });
      await story.comment('dana', '/autodev rollback production');
      await story.status(/No deploy job of the template has deployed anything here yet/);
      project.settings.protectedEnvironments['production'] = [];
      await story.comment('dana', '/autodev deploy production');
      await story.status(
        /GitLab does not let @autodev start the job `autodev-deploy-production`\..*who are allowed to deploy/s,
      );
      project.settings.protectedEnvironments = {};
      await story.comment('dana', '/autodev deploy production');
      await story.status(
        new RegExp(`\\*\\*done\\*\\*: \`${head.slice(0, 8)}\` was deployed to production\\. \\$`),
      );
      await story.comment('dana', '/autodev deploy production');
      await story.status(/was deployed to production\. It stood there already\./);
      expect(starts(story)).toEqual(['play 403', 'play 200']);
      expect(await deployments(story)).toHaveLength(1);
    });
  },
);
