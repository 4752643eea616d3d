/** The checks against an OpenAPI file can fail: one wrong request of every kind, and wrong answers. */
import { expect, test } from '@jest/globals';
import { answerFaults } from '../support/open-api-answers.ts';
import { requestFaults, type LoggedCall } from '../support/open-api.ts';

/** Laid out as GitLab generates its file. */
const FILE = `
swagger: '2.0'
paths:
  "/api/v4/projects/{id}/issues":
    get:
      parameters:
      - in: path
        name: id
        type: integer
        format: int32
        required: true
      - in: query
        name: state
        type: string
        enum:
        - opened
        - closed
      - in: query
        name: labels
        type: array
        description: Comma-separated list of label names
        items:
          type: string
      - in: query
        name: iids
        type: array
        items:
          type: integer
    post:
      parameters:
      - in: path
        name: id
        type: string
      - name: postIssues
        in: body
        required: true
        schema:
          "$ref": "#/definitions/postIssues"
  "/api/v4/projects/{id}/issues/{issue_iid}":
    get:
      parameters:
      - in: path
        name: issue_iid
        type: integer
      responses:
        '200':
          schema:
            "$ref": "#/definitions/issue"
definitions:
  issue:
    type: object
    properties:
      weight:
        type: integer
      title:
        type: string
      author:
        "$ref": "#/definitions/author"
  author:
    type: object
    properties:
      bot:
        type: boolean
  postIssues:
    type: object
    properties:
      title:
        type: string
      confidential:
        type: boolean
      parts:
        type: array
        items:
          "$ref": "#/definitions/part"
    required:
    - title
  part:
    type: object
    properties:
      kind:
        type: string
        enum:
        - a
      text:
        type: string
    required:
    - text
`;

const call = (method: string, path: string, body?: unknown): LoggedCall => ({ method, path, body });
const problems = (...calls: LoggedCall[]): string[] =>
  requestFaults(calls, FILE).map(({ problem }) => problem);

test.each<[string, LoggedCall]>([
  ['numbers in a query are text', call('GET', '/projects/1/issues?iids[]=3&iids[]=4&per_page=100')],
  ['a project by its path', call('GET', '/projects/acme%2Fapp/issues?state=opened')],
  ['labels by comma', call('GET', '/projects/1/issues?labels=a%2Cb')],
  ['a body', call('POST', '/projects/1/issues', { title: 'A', parts: [{ kind: 'a' }] })],
  ['parameters of a body in the query', call('POST', '/projects/1/issues?title=A')],
  ['null for not given', call('POST', '/projects/1/issues', { title: 'A', confidential: null })],
  ['what the file leaves out', call('POST', '/projects/1/issues/2/notes', { body: 'x' })],
])('good: %s', (_case, good) => {
  expect(problems(good)).toEqual([]);
});

test.each<[string, LoggedCall, string]>([
  ['path', call('GET', '/projects/1/wonders'), 'path: unknown'],
  ['method', call('DELETE', '/projects/1/issues'), 'path: unknown'],
  [
    'number in a path',
    call('GET', '/projects/1/issues/two'),
    'parameter issue_iid: must be integer',
  ],
  ['parameter', call('GET', '/projects/1/issues?stat=opened'), 'parameter stat: unknown'],
  [
    'value',
    call('GET', '/projects/1/issues?state=open'),
    'parameter state: must be equal to one of the allowed values (opened,closed)',
  ],
  ['page', call('GET', '/projects/1/issues?per_page=500'), 'parameter per_page: must be <= 100'],
  ['list', call('GET', '/projects/1/issues?iids[]=x'), 'parameter iids.0: must be integer'],
  [
    'type in a body',
    call('POST', '/projects/1/issues', { title: 'A', confidential: 'yes' }),
    'parameter confidential: must be boolean',
  ],
  [
    'missing in a body',
    call('POST', '/projects/1/issues', { confidential: true }),
    'parameter title: missing',
  ],
  [
    'part of a body',
    call('POST', '/projects/1/issues', { title: 'A', parts: [{ kind: 'a', size: 1 }] }),
    'parameter parts.0: must NOT have additional properties (size)',
  ],
  [
    'what the file leaves out',
    call('POST', '/projects/1/issues/2/notes', { text: 'x' }),
    'parameter text: unknown',
  ],
])('wrong: %s', (_case, wrong, problem) => {
  expect(problems(wrong)).toContain(problem);
});

test('calls of one kind are told once', () => {
  const wrong = [1, 2, 3].map((id) => call('GET', `/projects/${id}/issues?stat=${id}`));
  expect(requestFaults(wrong, FILE)).toEqual([
    { call: 'GET /projects/{}/issues', problem: 'parameter stat: unknown', times: 3 },
  ]);
});

test.each<[string, unknown, string[]]>([
  ['good', { weight: 3, title: 'A', author: { bot: true } }, []],
  ['nothing there', { weight: null, author: null, more: 1 }, []],
  ['what the generator does not know is text', { title: 5 }, []],
  ['rows', [{ weight: 3 }, { weight: 0.5 }], ['/weight must be integer,null']],
  ['a part', { author: { bot: 'no' } }, ['/author/bot must be boolean,null']],
  ['a list of parts', { author: [{ bot: 1 }] }, ['/author/0/bot must be boolean,null']],
  ['no object', 'a log', []],
])('answer: %s', (_case, body, faults) => {
  expect(answerFaults('GET', '/projects/1/issues/2', body, FILE)).toEqual(faults);
});

test('another text is no file to hold calls against', () => {
  expect(() => requestFaults([], 'swagger: 2')).toThrow('no OpenAPI file');
});
