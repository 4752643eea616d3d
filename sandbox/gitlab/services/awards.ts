/** Emoji reactions on issues, merge requests and notes. */
import type { Instance } from '../instance.ts';
import { fireEmoji } from '../hooks/events.ts';
import type { Award, Note, Noteable, User } from '../state/types.ts';

/** Awards an emoji; null when this user already gave it. */
export async function award(
  gl: Instance,
  item: Noteable,
  note: Note | null,
  user: User,
  name: string,
): Promise<Award | null> {
  const awards = (note ?? item).awards;
  if (awards.some((given) => given.userId === user.id && given.name === name)) return null;
  const record = { id: gl.state.nextId('award'), name, userId: user.id, createdAt: gl.now() };
  awards.push(record);
  await fireEmoji(gl, item, note, record, 'award');
  return record;
}

/** Takes an award back; false when there is none of this id. */
export async function revoke(
  gl: Instance,
  item: Noteable,
  note: Note | null,
  awardId: number,
): Promise<boolean> {
  const owner = note ?? item;
  const found = owner.awards.find((given) => given.id === awardId);
  if (!found) return false;
  owner.awards = owner.awards.filter((given) => given !== found);
  await fireEmoji(gl, item, note, found, 'revoke');
  return true;
}
