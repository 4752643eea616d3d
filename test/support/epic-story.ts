/** What stories of epics share: a plan of two children, its approval, and the issues made of it. */
import { expect } from '@jest/globals';
import type { EpicReport } from '../../schema/wire/report.ts';
import type { Issue } from '../../sandbox/gitlab/state/types.ts';
import { createStory, type Story } from './one-story.ts';
import type { Stage } from './story.ts';
import { decide } from './team.ts';

/** Two children, the second after the first. */
export function planOf(first: string, second: string): EpicReport {
  const child = { text: '/close\nSay it to @dana.', priority: 5 };
  return {
    kind: 'epic',
    text: '# Why it is cut this way\n\nOne format at a time.',
    children: [
      { ...child, title: first, acceptance: ['It is written.', '/close'], dependsOn: [] },
      { ...child, title: second, acceptance: [], dependsOn: [0] },
    ],
  };
}

/** The issues the bot made, oldest first. */
export function issuesBy(story: Story): Issue[] {
  const bot = story.stage.world.people.autodev.user.id;
  return story.project.issues.filter(({ authorId }) => authorId === bot);
}

/** A story for each child, once its issue is there. */
export async function childrenOf(stage: Stage, story: Story): Promise<[Story, Story]> {
  await story.waitFor('the issues of the children', () => issuesBy(story).length === 2);
  const { project } = story;
  const stories = issuesBy(story).map(({ iid, title }) =>
    createStory(stage, title, { project, existing: iid }),
  );
  return (await Promise.all(stories)) as [Story, Story];
}

/** From the wish to the plan that dana approves. */
export async function approvePlan(story: Story): Promise<void> {
  await story.comment('sam', '/autodev plan epic');
  await story.status(/^\| plan-gate \| waits for you .*needs 1 approval of/m);
  const [page] = story.specs();
  if (!page) throw new Error('there is no page to approve');
  expect(page.description).toContain('makes an issue of each part');
  await story.waitFor('the page to be checked', () => page.mergeCheck === 'can_be_merged');
  await decide(story, 'dana', 'approve', page);
}

/** Links of an issue as the REST API shows them. */
export async function linksOf(stage: Stage, story: Story, iid: number): Promise<string[]> {
  const path = `/projects/${story.project.id}/issues/${iid}/links`;
  const rows = (await stage.rest('sam', 'GET', path)) as { iid: number; link_type: string }[];
  return rows.map((row) => `${row.link_type} #${row.iid}`).toSorted();
}
