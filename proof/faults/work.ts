/** Work for the bot: issues that people file and what they ask below them. */
import type { Project } from '../../sandbox/gitlab/state/types.ts';
import type { PersonName } from '../../test/support/stage.ts';
import type { Place } from './place.ts';

/** How an issue's work is asked for. */
export type Wish = 'label' | 'implement' | 'feature' | 'none';

/** A new issue with this wish on it; returns its number. */
export async function ask(
  place: Place,
  project: Project,
  title: string,
  wish: Wish,
): Promise<number> {
  const base = `/projects/${project.id}/issues`;
  const body = { title, description: 'As the title says.' };
  const { iid } = (await place.as('sam', 'POST', base, body)) as { iid: number };
  if (wish === 'label') await place.as('sam', 'PUT', `${base}/${iid}`, { add_labels: 'autodev' });
  else if (wish !== 'none') {
    const command = wish === 'feature' ? '/autodev plan' : '/autodev implement';
    await say(place, project, iid, 'sam', command);
  }
  return iid;
}

/** A comment on an issue; returns its id. */
export async function say(
  place: Place,
  project: Project,
  iid: number,
  person: PersonName,
  body: string,
): Promise<number> {
  const path = `/projects/${project.id}/issues/${iid}/notes`;
  return ((await place.as(person, 'POST', path, { body })) as { id: number }).id;
}
