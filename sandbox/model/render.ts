/** What the three renderers share. */
import type { Answer, AnswerToolCall } from './types.ts';

/** Characters of one stream delta: small, so that cuts fall inside texts and arguments. */
const PIECE_CHARS = 24;

/** Splits by code points, as no provider cuts a character in two. */
export function pieces(text: string): string[] {
  const points = [...text];
  const out: string[] = [];
  for (let i = 0; i < points.length; i += PIECE_CHARS) {
    out.push(points.slice(i, i + PIECE_CHARS).join(''));
  }
  return out;
}

export function argumentsOf(args: AnswerToolCall['arguments']): string {
  return typeof args === 'string' ? args : JSON.stringify(args);
}

export function stopOf(answer: Answer): NonNullable<Answer['stop']> {
  return answer.stop ?? ((answer.toolCalls?.length ?? 0) > 0 ? 'tool' : 'end');
}

export const callId = (serial: number, call: number): string => `call_${serial}_${call}`;
