/** The sandbox's Markdown: what it shows, and that nothing of the text becomes markup of its own. */
import { expect, test } from '@jest/globals';
import { markdown } from '../../../sandbox/gitlab/pages/markdown.ts';

const shown = (text: string): string => markdown(text, '/acme/app').text;

test.each([
  ['# A **b**', '<h1>A <b>b</b></h1>'],
  ['one\ntwo', '<p>one<br>two</p>'],
  ['- a\n- b\n  - c', '<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>'],
  ['1. a', '<ol><li>a</li></ol>'],
  ['- [x] done', '<ul><li><input type="checkbox" disabled checked> done</li></ul>'],
  ['```js\n<b>\n```', '<pre><code>&lt;b&gt;</code></pre>'],
  [
    '| a | b |\n|---|---|\n| 1 | `x` |',
    '<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td><code>x</code></td></tr></table>',
  ],
  ['> q\n> r', '<blockquote><p>q<br>r</p></blockquote>'],
  [
    '<details><summary>More</summary>\n\ntext\n\n</details>',
    '<details><summary>More</summary><p>text</p></details>',
  ],
  [
    'see #12 and !3',
    '<p>see <a href="/acme/app/-/issues/12">#12</a> and <a href="/acme/app/-/merge_requests/3">!3</a></p>',
  ],
  [
    '[a](https://x.example/?a=1&b=2)',
    '<p><a href="https://x.example/?a=1&amp;b=2" rel="nofollow noopener">a</a></p>',
  ],
  ['a <!-- hidden --> b', '<p>a  b</p>'],
  ['---', '<hr>'],
])('%j', (text, html) => {
  expect(shown(text)).toBe(html);
});

test.each([
  '<script>x</script>',
  '<details onclick=x>',
  '<summary onclick=x>a</summary>',
  '[x](javascript:alert(1))',
  '![x](https://evil.example/a.png)',
  '[a](https://x.example/"onmouseover="x)',
  '`<img src=x>`',
  '| <img src=x> |\n|---|',
  '> - # <img src=x>',
])('%j brings no markup of its own', (text) => {
  expect(shown(text)).not.toMatch(/<(script|img|details o|summary o)|href="javascript|"onmouse/);
});

test('deep nesting and long texts end', () => {
  expect(shown('>'.repeat(5000)).length).toBeGreaterThan(0);
  expect(shown('a'.repeat(300_000))).toMatch(/^<pre>/);
  expect(shown('**'.repeat(20_000)).length).toBeGreaterThan(0);
});
