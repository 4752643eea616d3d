/** The frame of every page: escaping, layout, style. Nothing is loaded from elsewhere. */

/** Text made safe for HTML, also inside attribute quotes. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/** HTML that is already safe; plain strings in {@link html} are escaped, this is not. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Part = Markup | string | number | null | undefined | false | readonly Part[];

function render(part: Part): string {
  if (part === null || part === undefined || part === false) return '';
  if (part instanceof Markup) return part.text;
  if (Array.isArray(part)) return part.map((one: Part) => render(one)).join('');
  return escapeHtml(String(part));
}

/** Template tag: everything put in is escaped unless it is {@link Markup}. */
export function html(strings: TemplateStringsArray, ...parts: Part[]): Markup {
  return new Markup(strings.map((text, index) => text + render(parts[index])).join(''));
}

/** No script may run, nothing may be fetched, forms go to this server only. */
export const CONTENT_SECURITY_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const STYLE = `
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --link: #1f75cb; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 62rem; padding: 0 1rem 4rem; }
header { display: flex; gap: 1rem; align-items: baseline; border-bottom: 1px solid var(--line); padding: .7rem 0; }
header .who { margin-left: auto; }
a { color: var(--link); text-decoration: none; } a:hover { text-decoration: underline; }
h1 { font-size: 1.5rem; margin: 1.2rem 0 .3rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; margin: .5rem 0; } th, td { border: 1px solid var(--line); padding: .25rem .6rem; text-align: left; }
table.list { width: 100%; } table.list td, table.list th { border-width: 0 0 1px; }
pre { background: var(--soft); padding: .6rem; overflow: auto; font-size: 13px; border-radius: 4px; }
code { background: var(--soft); padding: 0 .2em; border-radius: 3px; } pre code { background: none; padding: 0; }
blockquote { border-left: 3px solid var(--line); margin: .5rem 0; padding-left: .8rem; opacity: .85; }
.note, .box { border: 1px solid var(--line); border-radius: 6px; padding: .2rem .9rem .4rem; margin: .7rem 0; }
.note .by { opacity: .75; font-size: 13px; margin: .3rem 0; } .system { opacity: .7; font-size: 13px; margin: .4rem 0; }
.label, .state { border: 1px solid var(--line); border-radius: 1em; padding: 0 .6em; font-size: 13px; white-space: nowrap; }
.success, .merged, .opened, .resolved { border-color: #108548; } .failed, .closed { border-color: #dd2b0e; } .running, .pending, .open { border-color: #1f75cb; }
.add { color: #108548; } .del { color: #dd2b0e; }
form.inline { display: inline-block; margin-right: .5rem; } textarea { width: 100%; min-height: 5rem; box-sizing: border-box; }
button { padding: .3rem .9rem; cursor: pointer; } input[type=text] { padding: .25rem; }
`;

export interface Frame {
  title: string;
  /** Links shown from left to right, the instance first. */
  crumbs: { text: string; href: string }[];
  /** Username, or null. */
  user: string | null;
  /** The user's role in the project, on its pages. */
  role?: string;
  /** Reload after so many seconds, for pages of running work. */
  refresh?: number | undefined;
}

export function layout(frame: Frame, body: Markup): string {
  const crumbs = frame.crumbs.map(({ text, href }) => html`<a href="${href}">${text}</a>`);
  const refresh = frame.refresh
    ? html`<meta http-equiv="refresh" content="${frame.refresh}" />`
    : null;
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <title>${frame.title}</title>
        ${refresh}
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <style>
          ${new Markup(STYLE)}
        </style>
      </head>
      <body>
        <header>
          <a href="/"><b>sandbox GitLab</b></a> ${crumbs}
          <span class="who"
            >${frame.user ? html`as <b>@${frame.user}</b>${frame.role ? ` (${frame.role})` : null} · ` : null}<a href="/-/people"
              >switch user</a
            ></span
          >
        </header>
        ${body}
      </body>
    </html> `.text;
}
