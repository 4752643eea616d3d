/** C1, C2, C4: what people do not see of a text, no model reads: comments, invisible characters, hiding places. */
import MarkdownIt from 'markdown-it';
import { visibleText } from '../../bot/domain/visible-text.ts';
import { broken, held, type Played, type Proof } from '../proof.ts';
import type { Random } from '../random.ts';

/** Places in which `%` is not seen on GitLab's page. */
const PLACES = [
  ...[
    '<!-- % -->',
    '<!--%',
    'a <!-- % --> b',
    '<!-- a\n\n% -->',
    '<!--\u200B % -->',
    '- <!-- %\n- x',
  ],
  ...['[//]: # (%)', '[//]: # "%"', '[x]: /y "%"', '[%]: /y', '[^9]: %', '> [//]: # (%)'],
  ...[
    '[a](/b "%")',
    '![a](/b "%")',
    '<a title="%">x</a>',
    '<img alt="x" title="%">',
    '<span hidden>%</span>',
  ],
  ...[
    '<div style="display:none">%</div>',
    '<template>%</template>',
    '<script>%</script>',
    '<style>%</style>',
  ],
  ...[
    '<p hidden>\n%\n</p>',
    '<input type="hidden" value="%">',
    '<meta content="%">',
    '<?x % ?>',
    '<![CDATA[%]]>',
  ],
  ...['[a](/b#%)', '<details title="%">x</details>', '<!x %>'],
];
/** Characters that are drawn as nothing; joiners and U+FE0F belong to emoji and are looked at apart. */
const UNSEEN = /[\p{Default_Ignorable_Code_Point}\u2028\u2029\u2800\p{Co}\p{Cn}\p{Cs}]/u;
const KEPT = /[\u200D\uFE0F]/u;
const GLUE = [
  '\n',
  '\n\n',
  ' text ',
  '> ',
  '- ',
  '**',
  '`',
  '\n```\n',
  '<',
  '&lt;',
  '\u200B',
  '\\',
];
const CODE_POINTS = 0x11_0000;
const AT_ONCE = 2_048;

const markdown = new MarkdownIt({ html: true });

/** What a renderer that the bot does not use would show of a text. */
function shown(text: string): string {
  const parts: string[] = [];
  for (const token of markdown.parse(text, {})) {
    if (token.type === 'fence' || token.type === 'code_block') parts.push(token.content);
    for (const child of token.children ?? []) {
      if (/^(?:text|text_special|code_inline)$/.test(child.type)) parts.push(child.content);
      if (child.type === 'image') parts.push(child.content);
    }
  }
  return parts.join('');
}

function playPlace(index: number, random: Random): Played {
  const word = random.token(16);
  let text = (PLACES[index] ?? random.pick(PLACES)).replaceAll('%', word);
  if (index >= PLACES.length) {
    text = `${random.pick(GLUE)}${text}${random.pick(GLUE)}${random.pick(PLACES).replaceAll('%', 'x')}`;
  }
  const about = JSON.stringify(text);
  const { text: read } = visibleText(text);
  if (read.includes(word) && !shown(text).includes(word))
    return broken(about, `it reads ${JSON.stringify(read)}`);
  if (visibleText(read).text !== read) return broken(about, 'a second look changes it');
  return held(about);
}

function playCharacters(from: number): Played {
  const about = `code points from U+${from.toString(16)}`;
  const unseen: string[] = [];
  for (let code = from; code < Math.min(from + AT_ONCE, CODE_POINTS); code += 1) {
    const char = String.fromCodePoint(code);
    if (UNSEEN.test(char) && !KEPT.test(char)) unseen.push(char);
  }
  const { text } = visibleText(unseen.map((char) => `a${char}b`).join(' '));
  const read = unseen.find((char) => text.includes(char));
  if (read !== undefined) return broken(about, `U+${read.codePointAt(0)?.toString(16)} is read`);
  return held(about);
}

const CHUNKS = Math.ceil(CODE_POINTS / AT_ONCE);

export const hidden: Proof = {
  id: 'C1 C2 C4',
  name: 'No model reads what people do not see of a text',
  layer: 'functions',
  runs: { ci: CHUNKS + 500, full: CHUNKS + 10_000 },
  play: (index, random) =>
    index < CHUNKS ? playCharacters(index * AT_ONCE) : playPlace(index - CHUNKS, random),
  mutants: [
    {
      name: 'comments',
      file: 'bot/domain/visible-html.ts',
      from: "if (text.startsWith('<!--', at)) return",
      to: "if (text.startsWith('<!--never', at)) return",
    },
    {
      name: 'characters that nobody sees',
      file: 'bot/domain/visible-text.ts',
      from: "  const plain = stripHidden(markdown.replaceAll(/\\r\\n?|[\\u2028\\u2029]/g, '\\n'));",
      to: '  const plain = { text: markdown, stretches: 0 };',
    },
  ],
};
