/** B3, B4, B5: whatever a model writes, what the bot posts of it only says something. */
import { oneLine } from '../../bot/decide/attempts.ts';
import { neutralise, neutraliseTitle } from '../../bot/worker/publish/neutralise.ts';
import { broken, held, type Played, type Proof } from '../proof.ts';
import { hostileText } from './hostile-text.ts';
import { deedOf, FORGE_HOST } from './rendered.ts';

const NEUTRALISE = 'bot/worker/publish/neutralise.ts';
const TITLE_CHARS = 200;

/** Where a text of a model stands in what the bot writes. */
const SURFACES: Readonly<Record<string, (text: string) => string>> = {
  comment: (text) => neutralise(text, { allowedHost: FORGE_HOST }),
  quote: (text) =>
    neutralise(text, { allowedHost: FORGE_HOST })
      .split('\n')
      .map((line) => `> ${line}`.trimEnd())
      .join('\n'),
  'cut comment': (text) => neutralise(text, { allowedHost: FORGE_HOST, maxChars: 60 }),
  title: (text) => `[AutoDev] ${neutraliseTitle(text, TITLE_CHARS).replaceAll('<', '&lt;')}`,
  cause: (text) => `**needs-human**: Stopped at a limit: ${oneLine(text)}. **Next** nothing.`,
};

function play(index: number, random: Parameters<Proof['play']>[1]): Played {
  const secret = random.token(24);
  const text = hostileText(index, random, secret);
  const about = JSON.stringify(text).slice(0, 300);
  for (const [surface, write] of Object.entries(SURFACES)) {
    const written = write(text);
    // A title is no Markdown on GitLab's pages; its references and links are made all the same.
    const shown = surface === 'title' ? asProse(written) : written;
    const deed = deedOf(shown, { isNote: surface === 'cause' });
    if (deed !== null) return broken(about, `as ${surface} it ${deed}`);
  }
  return held(about);
}

/** The characters that are no markup in a title. */
const asProse = (title: string): string =>
  title.replaceAll(/[!`[\]*_~|\\#>+&-]/g, '.').replaceAll('www', 'w');

/** A defence of the neutraliser: the step that is left out. */
const step = (name: string, from: string, to = ''): Proof['mutants'][number] => ({
  ...{ name, file: NEUTRALISE, from, to },
});

export const texts: Proof = {
  id: 'B3 B4 B5',
  name: 'Text by a model loads, links, notifies, closes and runs nothing',
  layer: 'functions',
  runs: { ci: 1_500, full: 20_000 },
  mutantRuns: 6_000,
  play,
  mutants: [
    step('images', ".replaceAll('![', '!\\\\[')"),
    step('links', "isNear(target, allowedHost) ? link : '] ('", 'link'),
    step('references', ".replaceAll(/\\](?=:)/g, ']\\\\')"),
    step('HTML', ".replaceAll('<', '&lt;')"),
    step('entities', ".replaceAll(ENTITY, '&amp;')"),
    step('escaped addresses', ".replaceAll(ESCAPED_URL, '$1[:]//')"),
    step('addresses', ': `${scheme}[:]//${host}`', ': url'),
    step('addresses without a scheme', ".replaceAll(/(?<!\\/\\/)www\\.(?=\\w)/gi, 'www[.]')"),
    step('mentions', ".replaceAll(MENTION, '@\\u200B')"),
    step(
      'closing words',
      "    .replaceAll(CLOSING_BLANKS, '$1$2 ')\n    .replaceAll(CLOSING_WORD, '$1$2 of ')\n    .replaceAll(URL_TEXT",
      '    .replaceAll(URL_TEXT',
    ),
    step('quick actions', ".replace(QUICK_ACTION, '$1\\\\/')"),
    step(
      'line breaks',
      "    .replaceAll(LINE_BREAKS, '\\n')\n    .replaceAll(CONTROL, (char)",
      '    .replaceAll(CONTROL, (char)',
    ),
    step('invisible characters', "    .replaceAll(INVISIBLE, '');\n  const cut", ';\n  const cut'),
    step('languages of fences', "PLAIN_LANGUAGES.has(info) ? info : ''", 'info'),
    step('tilde fences in lists', ".replaceAll(/~{3,1000}/g, (run) => '\\\\~'.repeat(run.length))"),
    step('single backticks', "out += '&#96;'.repeat(part.length)", 'out += part'),
    step('spans in tables', "!span.includes('|') || plainText(span, allowedHost) === span", 'true'),
    step('fences longer than their content', 'Math.max(2, ...longest) + 1', '3'),
    step('fences without an indent', '[`${fence}', "[`${opener[1] ?? ''}${fence}"),
    step('front matter', "line.replace(FRONT_MATTER, '\\\\')", 'line'),
    {
      name: 'causes of jobs as plain words',
      file: 'bot/decide/attempts.ts',
      from: "    .replaceAll(/[<>[\\]@|\\\\&!\\p{Cc}\\p{Cf}\\p{Z}]+/gu, ' ')\n",
      to: '',
    },
  ],
};
