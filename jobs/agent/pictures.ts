/** Pictures that an agent keeps for the people: few, and none too large. */
import { type Attachment, RESULT_LIMITS } from '../../schema/wire/result.ts';

type Picture = Pick<Attachment, 'title' | 'content'>;

/** Hands on what fits; what it answers is told to the model. */
export function pictureKeeper(keep: (picture: Picture) => void): (picture: Picture) => string {
  let kept = 0;
  return ({ title, content }) => {
    if (kept >= RESULT_LIMITS.attachments) {
      return `The picture is not kept: ${kept} are, and that is all there may be.`;
    }
    if (Buffer.byteLength(content, 'base64') > RESULT_LIMITS.attachmentBytes) {
      return `The picture is not kept: it is larger than ${RESULT_LIMITS.attachmentBytes} bytes.`;
    }
    kept += 1;
    keep({ title, content });
    return `The picture is kept as number ${kept}.`;
  };
}

/** The attachment of a result: its name says which it is, and nothing of it comes from the agent. */
export function asAttachment({ title, content }: Picture, place: number): Attachment {
  return { name: `picture-${place + 1}.png`, title, mediaType: 'image/png', content };
}
