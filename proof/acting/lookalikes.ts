/** C3: commands, labels and names that only look like the right ones start nothing, and people are told. */
import { SAM } from '../../test/support/actors.ts';
import { Simulation } from '../../test/support/simulation.ts';
import { labelled } from '../../test/unit/decide/builders.ts';
import { broken, held, type Played, type Proof } from '../proof.ts';
import type { Random } from '../random.ts';

/** What people take for the letter on the left (Unicode’s confusables, those of common fonts). */
const LIKE: Readonly<Record<string, readonly string[]>> = {
  '/': ['／', '∕', '⁄', '⧸', '╱'],
  a: ['а', 'α', 'ɑ', 'ａ', '𝐚', '𝖺', 'á', 'ạ'],
  u: ['υ', 'ս', 'ｕ', '𝐮', 'ü'],
  t: ['т', 'τ', 'ｔ', '𝐭'],
  o: ['о', 'ο', 'օ', 'ｏ', '𝐨', 'ö', 'ọ'],
  d: ['ԁ', 'ⅾ', 'ｄ', '𝐝'],
  e: ['е', 'ｅ', '𝐞', 'ė', 'é'],
  v: ['ѵ', 'ν', 'ⅴ', 'ｖ', '𝐯'],
};
/** Characters that nobody sees between two letters. */
const UNSEEN = ['\u200B', '\u200D', '\u00AD', '\u2060', '\uFEFF', '\u034F', '\u{E0041}', '\u202E'];
/** Letters of the commands that are written here. */
const IN_NAMES: Readonly<Record<string, readonly string[]>> = {
  ...LIKE,
  i: ['і', 'ι', 'ｉ', '𝐢', 'ı'],
  p: ['р', 'ρ', 'ｐ', '𝐩'],
  x: ['х', 'ｘ', '𝐱', '×'],
  s: ['ѕ', 'ｓ', '𝐬'],
  c: ['с', 'ϲ', 'ｃ'],
  m: ['м', 'ｍ', 'ⅿ'],
};

/** `text` with at least one letter that only looks like it. */
function disguised(text: string, like: typeof LIKE, random: Random): string {
  const letters = [...text];
  const places = letters.flatMap((letter, at) => (like[letter] === undefined ? [] : [at]));
  const must = random.pick(places);
  return letters
    .map((letter, at) => {
      const others = like[letter];
      if (others === undefined || (at !== must && !random.chance(0.3))) return letter;
      return random.chance(0.15) ? letter + random.pick(UNSEEN) : random.pick(others);
    })
    .join('');
}

const WORK = ['plan', 'fix', 'implement', 'spec', 'tests', 'docs'];

/** Somebody with every right writes it; what is typed as it should be would start work. */
function play(index: number, random: Random): Played {
  const sim = new Simulation({ level: () => 50 });
  const command = random.pick(WORK);
  if (index % 10 === 0) return control(sim, command);
  const kind = index % 5;
  if (kind === 4) {
    const label = disguised(random.pick(['autodev', `autodev::${command}`]), IN_NAMES, random);
    sim.deliver(labelled(label));
    return outcome(sim, `label ${JSON.stringify(label)}`, 'silent');
  }
  const word = kind % 2 === 0 ? disguised('/autodev', LIKE, random) : '/autodev';
  const name = kind % 2 === 1 ? disguised(command, IN_NAMES, random) : command;
  const body =
    kind === 3 ? `@${disguised('autodev', LIKE, random)} ${command}` : `${word} ${name} please`;
  sim.deliver(sim.command(body, SAM));
  return outcome(sim, JSON.stringify(body), kind === 3 ? 'silent' : 'told');
}

function control(sim: Simulation, command: string): Played {
  const about = `/autodev ${command}, as it should be`;
  sim.deliver(sim.command(`/autodev ${command}`, SAM));
  return sim.world.runs.length === 1 ? held(about) : broken(about, 'it started nothing');
}

function outcome(sim: Simulation, about: string, expected: 'told' | 'silent'): Played {
  if (sim.world.runs.length > 0) return broken(about, 'it started work');
  const effects = sim.world.effects.map(({ effect }) => effect);
  const said = effects.flatMap((effect) => (effect.kind === 'reply' ? [effect.body] : []));
  const deed = effects.find(({ kind }) => kind !== 'reply' && kind !== 'react');
  if (deed) return broken(about, `it had the effect ${deed.kind}`);
  const warned = said.some((body) => /look[s]? (?:alike|like)/.test(body));
  if (expected === 'told' && !warned) return broken(about, 'nobody was warned');
  return held(about);
}

export const lookalikes: Proof = {
  id: 'C3',
  name: 'Commands, labels and names of look-alike letters start nothing, and people are told',
  layer: 'functions',
  runs: { ci: 500, full: 20_000 },
  play,
  mutants: [
    {
      name: 'commands of ASCII letters alone',
      file: 'bot/domain/commands.ts',
      from: '    const line = trimBlanks(text);',
      to: '    const line = skeleton(trimBlanks(text));',
    },
    {
      name: 'a command’s own name is judged, too',
      file: 'bot/domain/commands.ts',
      from: 'const confusable = /[^\\x21-\\x7e]/.test(word);',
      to: 'const confusable = false;',
    },
    {
      name: 'look-alikes of the word are looked for',
      file: 'bot/domain/commands.ts',
      from: 'suspects < MAX_LOOKALIKES && isSuspect(line)',
      to: 'false && isSuspect(line)',
    },
    {
      name: 'the warning',
      file: 'bot/decide/triggers.ts',
      from: 'if (first.confusable) return',
      to: 'if (false) return',
    },
    {
      name: 'labels by their exact names',
      file: 'bot/domain/commands.ts',
      from: "  if (label === 'autodev') return",
      to: "  label = skeleton(label);\n  if (label === 'autodev') return",
    },
  ],
};
