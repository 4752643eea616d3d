/** A webhook delivery as GitLab sends it, for tests that send it themselves and often. */
import { projectHookToken } from '../../bot/forge/gitlab/webhooks.ts';
import type { Story } from './one-story.ts';

export interface Receipt {
  status: number;
  delivery: string;
  duplicate: boolean;
}

/** GitLab's issue hook for the label `autodev` set by sam, as far as the bot reads it. */
export function labelPayload({ stage, issue, project }: Story): string {
  const { user } = stage.world.people.sam;
  const label = { id: 1, title: 'autodev', project_id: project.id };
  const webUrl = `${stage.world.gitlab.url}/${project.path}`;
  return JSON.stringify({
    object_kind: 'issue',
    event_type: 'issue',
    user: { id: user.id, username: user.username, name: user.name },
    project: {
      id: project.id,
      path_with_namespace: project.path,
      default_branch: 'main',
      web_url: webUrl,
    },
    object_attributes: {
      id: issue.id,
      iid: issue.iid,
      project_id: project.id,
      author_id: issue.authorId,
      title: issue.title,
      description: issue.description,
      state: 'opened',
      action: 'update',
      confidential: false,
      url: `${webUrl}/-/issues/${issue.iid}`,
      labels: [label],
    },
    labels: [label],
    changes: { labels: { previous: [], current: [label] } },
  });
}

/** Sends the same delivery many times at once, to each of the bot's processes in turn. */
export function sendCopies(
  story: Story,
  copies: number,
  delivery: { body: string; key: string },
): Promise<Receipt[]> {
  const { stage, project } = story;
  const send = async (_: unknown, index: number): Promise<Receipt> => {
    const url = stage.botUrls[index % stage.botUrls.length];
    const response = await fetch(`${url}/webhooks/gitlab`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        'X-Gitlab-Event': 'Issue Hook',
        'X-Gitlab-Token': projectHookToken(stage.config.webhookSecret, project.id),
        'X-Gitlab-Instance': stage.world.gitlab.url,
        'Idempotency-Key': delivery.key,
      },
      body: delivery.body,
    });
    const answer = (await response.json()) as Omit<Receipt, 'status'>;
    return { status: response.status, ...answer };
  };
  return Promise.all(Array.from({ length: copies }, send));
}
